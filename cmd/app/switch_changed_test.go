package app

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman/actions/killswitch"
	"github.com/pointsman/pointsman/cmd/api"
)

// An entry that had to wait for the store says from when it is, and one that was not written is said to be missing, so that
// it comes again.
func TestAChangeOfAKillSwitchIsOnRecordOrComesAgain(t *testing.T) {
	t.Parallel()
	a, _ := offering(t, quiet+"alertmanager: {tokens: [token-of-the-test]}\n")
	st := killswitch.Status{Name: "trading", State: killswitch.Engaged, Reason: "prices are wrong", LastRead: time.Now(), Late: 3 * time.Minute}
	if err := a.switchChanged(t.Context(), st); err != nil {
		t.Fatal(err)
	}
	entries, err := a.store.Log(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if last := string(entries[len(entries)-1].Body); !strings.Contains(last, "kill switch trading is engaged") || !strings.Contains(last, "; that was 3m ago, the record could not be written") {
		t.Errorf("the log says %s", last)
	}
	if err := a.store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.switchChanged(t.Context(), st); err == nil {
		t.Error("an entry that was not written counts as written")
	}
}

// Somebody releases trading with psql, or it cannot be read any more: the channel must not believe for hours what it read last.
func TestAChangeOfAKillSwitchIsToldInTheChannelOnce(t *testing.T) {
	t.Parallel()
	a, _ := offering(t, quiet+"alertmanager: {tokens: [token-of-the-test]}\n")
	since := time.Now()
	for _, st := range []killswitch.Status{
		{State: killswitch.Released, Since: since}, // at the start
		{State: killswitch.Engaged, Was: killswitch.Released, Rose: true, Since: since.Add(time.Minute)},
		{State: killswitch.Engaged, Was: killswitch.Released, Rose: true, Since: since.Add(time.Minute)}, // another replica
		{State: killswitch.Stale, Was: killswitch.Engaged, Since: since.Add(time.Minute), Problem: "connection refused"},
		{State: killswitch.Engaged, Was: killswitch.Stale, Since: since.Add(time.Minute)},
		{State: killswitch.Released, Was: killswitch.Engaged, Rose: true, Since: since.Add(time.Hour)},
	} {
		st.Name, st.LastRead = "trading", time.Now()
		if err := a.switchChanged(t.Context(), st); err != nil {
			t.Fatal(err)
		}
	}
	events, err := a.store.Events(t.Context(), "", 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, ev := range events {
		if ev.Target == "killswitch/trading" {
			got = append(got, string(ev.Type)+" "+string(ev.Data))
		}
	}
	want := []string{
		"server.state ", `killswitch.changed {"state":"engaged"}`, `killswitch.changed {"state":"stale"}`,
		`killswitch.changed {"state":"engaged"}`, `killswitch.changed {"state":"released"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A failover that loses the write of an engaged switch brings back a row that everybody was told of an hour ago, and a hand may
// leave the time as it was. Nobody may go on in the belief that trading is stopped.
func TestAKillSwitchThatComesBackToAnOlderRowIsTold(t *testing.T) {
	t.Parallel()
	a, _ := offering(t, quiet+"alertmanager: {tokens: [token-of-the-test]}\n")
	changes := []killswitch.Status{
		{State: killswitch.Released, Was: killswitch.Engaged, Since: time.Unix(1000, 0), Rose: true},
		{State: killswitch.Engaged, Was: killswitch.Released, Since: time.Unix(2000, 0), Rose: true},
		{State: killswitch.Released, Was: killswitch.Engaged, Since: time.Unix(1000, 0), WentBack: true},
		{State: killswitch.Engaged, Was: killswitch.Released, Since: time.Unix(2000, 0)},
		{State: killswitch.Released, Was: killswitch.Engaged, Since: time.Unix(2000, 0)},
		{State: killswitch.Engaged, Was: killswitch.Released, Since: time.Unix(2000, 0)},
	}
	for _, st := range changes {
		st.Name, st.LastRead = "trading", time.Now()
		if err := a.switchChanged(t.Context(), st); err != nil {
			t.Fatal(err)
		}
	}
	events, err := a.store.Events(t.Context(), "", 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, ev := range events {
		if ev.Target == "killswitch/trading" {
			told++
		}
	}
	if told != len(changes) {
		t.Errorf("%d of %d changes were told", told, len(changes))
	}
}

// "Configured are" with nothing behind it reads as if the list were cut off.
func TestWithoutKillSwitchesTheAnswerSaysNone(t *testing.T) {
	t.Parallel()
	s := &switches{status: func() []api.SwitchStatus { return nil }}
	if ans, ok := s.reasonable("trading", "orders run away"); ok || ans.Text != `there is no kill switch "trading"; configured are none` {
		t.Errorf("%t %q", ok, ans.Text)
	}
}
