package postgres

import (
	"fmt"
	"time"

	"github.com/pointsman/pointsman"
)

// Keeping is what a node's settings say of how it keeps what it acknowledges, and of those that are to follow it.
type Keeping struct {
	Fsync, FullPages bool
	Commit           string        // synchronous_commit
	SyncNames        string        // synchronous_standby_names: for whom commits wait
	Rewindable       bool          // data checksums or wal_log_hints: pg_rewind can work on it later
	Endless          bool          // max_slot_wal_keep_size is -1: a slot keeps WAL for ever
	Slots, MaxSlots  int           // replication slots here, and how many there may be
	Idle             []string      // physical ones of them that nobody reads, by name
	OverSlot         bool          // it follows its primary through a slot, so the others will through slots of its own
	Senders          int           // walsenders at work
	MaxSenders       int           // max_wal_senders
	Retry            time.Duration // wal_retrieve_retry_interval
	Nudges           bool          // we may reload its configuration, which wakes a promotion that sleeps
}

// keepingSQL is the part of readSQL that fills a Keeping.
const keepingSQL = `current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on', current_setting('synchronous_commit'),
	current_setting('synchronous_standby_names'), current_setting('data_checksums') = 'on' OR current_setting('wal_log_hints') = 'on',
	coalesce(current_setting('max_slot_wal_keep_size', true), '-1') = '-1', (SELECT count(*) FROM pg_replication_slots)::int,
	current_setting('max_replication_slots')::int, coalesce(current_setting('primary_slot_name', true), '') <> '', f.senders,
	current_setting('max_wal_senders')::int, (extract(epoch FROM current_setting('wal_retrieve_retry_interval')::interval) * 1000)::bigint,
	has_function_privilege('pg_reload_conf()', 'EXECUTE'), ` + idleSlotsSQL

// into lists where the columns of keepingSQL go; retry is in milliseconds.
func (k *Keeping) into(retry *int64) []any {
	return []any{&k.Fsync, &k.FullPages, &k.Commit, &k.SyncNames, &k.Rewindable, &k.Endless, &k.Slots, &k.MaxSlots, &k.OverSlot, &k.Senders, &k.MaxSenders, retry, &k.Nudges, &k.Idle}
}

// patientRetry is how long a promotion may sleep without a warning.
const patientRetry = time.Second

// durability is G11: what the candidate acknowledges must survive its crash, and what comes after the failover must be
// possible on it: standbys that attach, a rewind, a disk that does not fill up. Each weakness is a fact of its own.
func (s Situation) durability(candidate Reading) []pointsman.Fact {
	k, node := candidate.Keeping, candidate.Node
	var out []pointsman.Fact
	weak := func(is bool, name, value, limit, text, clears string) {
		if is {
			out = append(out, pointsman.Fact{
				Guard: "G11", Kind: pointsman.Warn, Name: name + " of " + node, Value: value, Limit: limit, Source: node + ": pg_settings", At: candidate.At,
				Result: pointsman.Fail, Text: node + " " + text, Clears: clears,
			})
		}
	}
	weak(!k.Fsync || !k.FullPages, "durability", "off", "fsync and full_page_writes on", "runs with fsync or full_page_writes off: a crash of it can lose everything", "set both on "+node)
	weak(k.Commit == "off" || k.SyncNames != "" && (k.Commit == "local" || k.Commit == "remote_write"), "synchronous_commit", k.Commit, "on",
		"runs with synchronous_commit "+k.Commit+", wanted is at least on: what it acknowledged can be lost", "set synchronous_commit to on, on "+node)
	weak(!k.Rewindable, "rewind", "not possible", "data checksums or wal_log_hints", "has neither data checksums nor wal_log_hints: once it is primary and fails, it cannot be rewound and must be copied anew",
		"set wal_log_hints to on, on "+node+", and restart it")
	weak(k.Endless && k.Slots > 0, "max_slot_wal_keep_size", "-1", "a size", fmt.Sprintf("keeps WAL for %s without a limit: a standby that stays away fills its disk", pointsman.Count(k.Slots, "slot")),
		"set max_slot_wal_keep_size on "+node)
	left := len(s.Cluster.Nodes) - 1 // who is to follow it
	free := k.MaxSenders - k.Senders
	weak(free < left-candidate.Followers, "free walsenders", fmt.Sprint(free), fmt.Sprint(left-candidate.Followers),
		fmt.Sprintf("has %s free, wanted are %d: not every standby could follow it", pointsman.Count(max(free, 0), "walsender"), left-candidate.Followers), "raise max_wal_senders on "+node)
	free = k.MaxSlots - k.Slots
	weak(k.OverSlot && free < left-k.Slots, "free slots", fmt.Sprint(free), fmt.Sprint(left-k.Slots),
		fmt.Sprintf("has %s free, wanted are %d: the standbys of this cluster follow through slots", pointsman.Count(max(free, 0), "replication slot"), left-k.Slots), "raise max_replication_slots on "+node)
	weak(k.Retry > patientRetry && !k.Nudges, "wal_retrieve_retry_interval", pointsman.Span(k.Retry), pointsman.Span(patientRetry),
		fmt.Sprintf("may sleep for %s in its promotion, limit %s, and may not be woken", pointsman.Span(k.Retry), pointsman.Span(patientRetry)),
		"GRANT EXECUTE ON FUNCTION pg_reload_conf(), or lower wal_retrieve_retry_interval on "+node)
	if len(out) > 0 {
		return out
	}
	return []pointsman.Fact{{
		Guard: "G11", Kind: pointsman.Warn, Name: "durability of " + node, Value: "on", Limit: "fsync and full_page_writes on", Source: node + ": pg_settings",
		At: candidate.At, Result: pointsman.Pass,
	}}
}
