package storetest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/store"
)

func restart(t *testing.T, s *story) {
	c := s.running("a", "one")
	p := s.ready("b", 2)
	s.do(vote(p, ana))
	s.follow(func(*pointsman.Delivery, pointsman.Logged) {})
	flying, _ := s.take(1)
	a, b, log := s.state("INC-1"), s.state("INC-2"), s.events("")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Do(t.Context(), pointsman.Tick{Incident: "INC-1"}); err == nil {
		t.Error("a closed store decided")
	}
	s.open()
	if diff := cmp.Diff([]any{a, b, log}, []any{s.state("INC-1"), s.state("INC-2"), s.events("")}); diff != "" {
		t.Errorf("after the restart (-before +after):\n%s", diff)
	}
	if err := s.ResetLeases(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.cfg.Driver == "postgres" { // the owner may live on in another replica
		s.nothingToClaim("the lease lasts")
		s.now.pass(time.Minute)
	}
	taken := s.claim("two")
	if taken.Run.ID != c.Run.ID || !taken.Takeover || taken.Epoch != c.Epoch+1 {
		t.Errorf("takeover after the restart: %+v", taken)
	}
	if s.cfg.Driver == "sqlite" {
		if early, _ := s.take(1); len(early) != 0 {
			t.Errorf("repeated while the request of the dead process may be on its way: %+v", early)
		}
		s.now.pass(time.Second)
	}
	again, _ := s.take(1)
	if len(again) != 1 || again[0].ID != first(flying).ID || again[0].Attempts != 2 {
		t.Errorf("delivery after the restart: %+v", again)
	}
	if res := s.do(vote(p, ben)); res.Answer.Code != pointsman.CodeAccepted {
		t.Errorf("the second vote after the restart: %+v", res.Answer)
	}
	s.intact()
}

func newerSchema(t *testing.T, s *story) {
	if err := s.sql("INSERT INTO schema_version (version_id, is_applied) VALUES (99, true)"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(t.Context(), s.cfg, nil)
	if err == nil || !strings.Contains(err.Error(), "the database has schema 99, this pointsman knows up to ") {
		t.Errorf("opened with %v", err)
	}
}

// newerDocuments: two versions share one database during an upgrade. What the newer one wrote, the older one shows, and
// neither changes nor carries out.
func newerDocuments(t *testing.T, s *story) {
	c := s.running("a", "one")
	p := s.ready("b", 2)
	s.do(vote(p, ana))
	s.now.pass(time.Minute)
	if err := s.sql(
		`UPDATE runs SET doc = '{"invented": {"when": 1}, ' || substr(doc, 2)`,
		`UPDATE proposals SET doc = '{"invented": true, ' || substr(doc, 2) WHERE incident_id = 'INC-2'`,
	); err != nil {
		t.Fatal(err)
	}
	if st := s.state("INC-1"); st.Runs[0].ID != c.Run.ID {
		t.Errorf("it is not shown: %+v", st.Runs)
	}
	newer := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), `was it written by a newer pointsman? Only that one may change it: json: unknown field "invented"`) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, ok, err := s.ClaimRun(t.Context(), "older", time.Minute)
	if ok {
		t.Error("the run of a newer version was claimed")
	}
	newer("claim", err)
	_, err = s.Do(t.Context(), pointsman.EndStep{Run: c.Run.ID, Epoch: c.Epoch, State: pointsman.StepDone})
	newer("end of a step", err)
	_, err = s.Do(t.Context(), vote(p, ben))
	newer("vote", err)
	if st := s.state("INC-2"); len(st.Runs) != 0 {
		t.Errorf("the vote on a newer proposal led to %+v", st.Runs)
	}
	third := s.running("c", "one") // its own go on
	if third.Run.ID == "" {
		t.Error("nothing else can be claimed")
	}
}

// newerPlans: what is new may stand in the plan alone, which is bytes in a document that is as it ever was. Whoever cannot
// read it must not take it for one with nothing to undo, nothing to remember and nobody to ask.
func newerPlans(t *testing.T, s *story) {
	c := s.running("a", "one")
	ready := s.ready("b", 1)
	checking := s.ready("c", 1)
	s.do(pointsman.Recheck{Proposal: checking.ID, By: ana})
	for id, table := range map[string]string{c.Run.ID: "runs", ready.ID: "proposals", checking.ID: "proposals"} {
		st := s.state(pointsman.IncidentOf(id))
		plan := st.Proposals[0].Plan
		later := append([]byte(`{"invented":1,`), plan[1:]...)
		old, with := base64.StdEncoding.EncodeToString(plan), base64.StdEncoding.EncodeToString(later)
		if err := s.sql(`UPDATE ` + table + ` SET doc = replace(doc, '` + old + `', '` + with + `') WHERE incident_id = '` + pointsman.IncidentOf(id) + `'`); err != nil {
			t.Fatal(err)
		}
	}
	if st := s.state("INC-1"); len(st.Runs) != 1 || st.Runs[0].State != pointsman.RunRunning {
		t.Errorf("it is not shown: %+v", st.Runs)
	}
	for what, cmd := range map[string]pointsman.Command{
		"abort":            pointsman.Steer{Run: c.Run.ID, Verb: pointsman.VerbAbort, Reason: "enough", By: ana},
		"pause":            pointsman.Steer{Run: c.Run.ID, Verb: pointsman.VerbPause, Reason: "wait", By: ana},
		"a vote at a gate": pointsman.CastVote{Run: c.Run.ID, Mark: c.Run.Mark(), Digest: c.Run.Digest, Verdict: pointsman.Approve, By: ana},
		"end of a step":    pointsman.EndStep{Run: c.Run.ID, Epoch: c.Epoch, State: pointsman.StepDone},
		"a vote":           vote(ready, ana),
		"an answer":        pointsman.Ready{Proposal: checking.ID, Generation: 2, Plan: checking.Plan},
	} {
		_, err := s.Do(t.Context(), cmd)
		if e, ok := errors.AsType[*pointsman.Error](err); !ok || e.Code != pointsman.CodeNewer || !strings.Contains(err.Error(), `json: unknown field "invented"`) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if st := s.state("INC-1"); st.Runs[0].State != pointsman.RunRunning {
		t.Errorf("the run is %s", st.Runs[0].State)
	}
}

// newerKinds: what this version cannot carry out it does not claim, though it can read every word of it.
func newerKinds(t *testing.T, s *story) {
	c := s.running("a", "one")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.cfg.Kinds = []string{"wait"}
	s.open()
	s.now.pass(time.Minute)
	if _, ok, err := s.ClaimRun(t.Context(), "older", time.Minute); ok || err == nil ||
		!strings.Contains(err.Error(), c.Run.ID+" is left to a newer version: step 1 is of the kind "+c.Run.Steps[0].Kind+", which this version does not know") {
		t.Errorf("claimed %t, %v", ok, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, step := range c.Run.Steps {
		s.cfg.Kinds = append(s.cfg.Kinds, step.Kind)
	}
	s.open()
	if taken := s.claim("newer"); taken.Run.ID != c.Run.ID {
		t.Errorf("the newer version claimed %+v", taken)
	}
}

func waking(t *testing.T, s *story) {
	wait := func(ch <-chan struct{}, why string) {
		t.Helper()
		select {
		case <-ch:
		case <-time.After(10 * time.Second):
			t.Fatalf("not woken: %s", why)
		}
	}
	ch := s.Changed()
	s.say("one")
	wait(ch, "a commit")
	ch = s.Changed()
	s.follow(func(*pointsman.Delivery, pointsman.Logged) {})
	wait(ch, "new deliveries")
	if s.cfg.Driver != "postgres" {
		return
	}
	other := must(store.Open(t.Context(), s.cfg, nil))(t)
	defer other.Close()
	// Its listener wakes it once when it has connected, so only the later wakes were heard from the other process.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	ch = other.Changed()
	for heard := 0; heard < 3; {
		s.say("again")
		select {
		case <-ch:
			heard++
			ch = other.Changed()
		case <-ctx.Done():
			t.Fatalf("the other replica was woken %d times", heard)
		case <-tick.C:
		}
	}
}

// checkedInPages: what is to be checked is read a part at a time, in order, and whoever can do nothing with the first part
// comes to the others.
func checkedInPages(t *testing.T, s *story) {
	var want []string
	for i := range 150 {
		name := fmt.Sprintf("db-%03d", i)
		hook := s.webhook(name, s.alert("fp-"+name))
		want = append(want, "failover of "+name)
		if i == 63 { // the first part ends between its two
			hook.Offers = append(hook.Offers, pointsman.Offer{Runbook: "restart", Title: "Restart", Target: target(name)})
			want = append(want, "restart of "+name)
		}
		s.do(hook)
	}
	var got []string
	for after, page := "", 0; ; page++ {
		some, next, err := s.Checking(t.Context(), after)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range some {
			got = append(got, p.Runbook+" of "+p.Target.Name)
		}
		if after = next; after == "" {
			break
		}
		if len(some) != 64 {
			t.Errorf("part %d has %d proposals, want 64", page, len(some))
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
