package app

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/killswitch"
	"github.com/pointsman/pointsman/store"
)

// The process that took the order dies before the check comes back. The next one says so, once, and not before the first one
// would have given up.
func TestAnOrderThatDiedWithItsProcessIsTold(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), store.Config{Path: ":memory:"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	do := func(cmd pointsman.Command) pointsman.Result {
		t.Helper()
		res, err := db.Do(t.Context(), cmd)
		if err != nil || !res.Answer.OK() {
			t.Fatalf("%+v %v", res.Answer, err)
		}
		return res
	}
	ana := pointsman.Actor{Person: pointsman.Person{ID: "ana", Name: "Ana Ruiz", Roles: []string{"risk"}}, Door: pointsman.DoorSlack}
	request := func(runbook, name string) pointsman.Proposal {
		t.Helper()
		res := do(pointsman.Request{Key: name, By: ana, Reason: "payments are doubled", Offer: pointsman.Offer{
			Runbook: runbook, Title: "Engage a kill switch", Target: pointsman.Target{Kind: "killswitch", Name: name},
		}})
		p, _ := res.State.Proposal(res.Answer.ID)
		return p
	}
	lost := request(killswitch.EngageRunbook, "payouts")
	other := request(killswitch.ReleaseRunbook, "trading")
	told := func(after time.Duration) (said []string) {
		t.Helper()
		o := orders{store: db}
		if err := o.tell(context.Background(), lost.RequestedAt.Add(after)); err != nil {
			t.Fatal(err)
		}
		events, err := db.Events(t.Context(), "", 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			if ev.Type == pointsman.EvIncidentUpdate {
				said = append(said, ev.Text)
			}
		}
		return said
	}
	if said := told(patience); len(said) != 0 {
		t.Errorf("said while its own process may still vote: %q", said)
	}
	for range 2 {
		said := told(overdue)
		want := "payouts is NOT known to be engaged: Ana Ruiz ordered it at " + pointsman.Clock(lost.RequestedAt) +
			", and its checks have not come back. Approve " + lost.ID + " on its card, or repeat: /pointsman killswitch engage payouts"
		if len(said) != 1 || !strings.HasSuffix(said[0], want) {
			t.Errorf("said %q, want once %q; %s is no engage", said, want, other.ID)
		}
	}
}
