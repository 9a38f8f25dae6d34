package postgres

import (
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// keeps is a server on which nothing is amiss.
func keeps() Keeping {
	return Keeping{
		Fsync: true, FullPages: true, Commit: "on", Rewindable: true, Endless: true, MaxSlots: 10, OverSlot: true, MaxSenders: 10,
		Retry: 5 * time.Second, Nudges: true,
	}
}

// TestDurability: every weakness of the candidate is said with its value and what would clear it, and refuses nothing.
func TestDurability(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		reason   string
		change   func(*Keeping)
		sentence string // none if nothing is amiss
	}{
		{reason: "nothing_is_amiss"},
		{"fsync_is_off", func(k *Keeping) { k.Fsync = false }, "pg-2 runs with fsync or full_page_writes off: a crash of it can lose everything"},
		{"full_page_writes_is_off", func(k *Keeping) { k.FullPages = false }, "pg-2 runs with fsync or full_page_writes off: a crash of it can lose everything"},
		{"synchronous_commit_is_off", func(k *Keeping) { k.Commit = "off" }, "pg-2 runs with synchronous_commit off, wanted is at least on: what it acknowledged can be lost"},
		{"commits_do_not_wait_for_the_synchronous_standby", func(k *Keeping) { k.Commit, k.SyncNames = "local", "pg-1" }, "pg-2 runs with synchronous_commit local, wanted is at least on: what it acknowledged can be lost"},
		{"local_is_on_where_there_is_no_synchronous_standby", func(k *Keeping) { k.Commit = "local" }, ""},
		{"no_rewind", func(k *Keeping) { k.Rewindable = false }, "pg-2 has neither data checksums nor wal_log_hints: once it is primary and fails, it cannot be rewound and must be copied anew"},
		{"a_slot_may_fill_the_disk", func(k *Keeping) { k.Slots = 1 }, "pg-2 keeps WAL for 1 slot without a limit: a standby that stays away fills its disk"},
		{"a_slot_with_a_limit", func(k *Keeping) { k.Slots, k.Endless = 1, false }, ""},
		{"no_walsender_is_free", func(k *Keeping) { k.Senders = 10 }, "pg-2 has 0 walsenders free, wanted are 1: not every standby could follow it"},
		{"no_slot_is_free", func(k *Keeping) { k.MaxSlots = 0 }, "pg-2 has 0 replication slots free, wanted are 1: the standbys of this cluster follow through slots"},
		{"nobody_needs_a_slot", func(k *Keeping) { k.MaxSlots, k.OverSlot = 0, false }, ""},
		{"a_promotion_may_sleep", func(k *Keeping) { k.Nudges = false }, "pg-2 may sleep for 5.0 s in its promotion, limit 1.0 s, and may not be woken"},
		{"a_promotion_sleeps_shortly", func(k *Keeping) { k.Nudges, k.Retry = false, time.Second }, ""},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			t.Parallel()
			s := dead()
			if tc.change != nil {
				tc.change(&s.Readings[1].Keeping)
			}
			ev := s.Judge(Wish{})
			var said []pointsman.Fact
			for _, f := range ev.Facts {
				if f.Guard == "G11" && f.Result != pointsman.Pass {
					said = append(said, f)
				}
			}
			if len(pointsman.Refusals(ev.Facts)) > 0 || len(pointsman.Acknowledgements(ev.Facts)) > 0 {
				t.Errorf("it stands in the way: %s", sentences(ev))
			}
			switch {
			case tc.sentence == "" && len(said) > 0:
				t.Errorf("said: %q, want nothing", said[0].Sentence())
			case tc.sentence != "" && (len(said) != 1 || said[0].Text != tc.sentence || said[0].Clears == ""):
				t.Errorf("said: %+v, want %q", said, tc.sentence)
			}
		})
	}
}
