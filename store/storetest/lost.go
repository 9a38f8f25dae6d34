package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/store"
)

// lost: somebody has seen one entry more than the database has. What was given a number in it is not known.
func lost(t *testing.T, s *story) {
	c := s.running("orders", "one")
	w := s.webhook("billing", s.alert("fp-billing"))
	s.do(w)
	s.now.pass(time.Second)
	w.Alerts[0].Status, w.Alerts[0].EndsAt = pointsman.AlertResolved, s.now.now()
	if st := s.do(w).State; st.Incident.State != pointsman.IncidentResolved {
		t.Fatalf("INC-2 is %s", st.Incident.State)
	}
	s.do(protect(pointsman.Lockout, "users", ana))
	s.do(protect(pointsman.Unlock, "users", ana))
	s.do(protect(pointsman.Freeze, "", ana))
	s.do(protect(pointsman.Unfreeze, "", ana))

	s.cfg.Known = s.Tail()
	s.cfg.Known.Seq++
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.open()
	_, err := s.Do(t.Context(), protect(pointsman.Lockout, "users", ana))
	if _, cut := errors.AsType[*store.CutError](err); !cut {
		t.Fatalf("it decided on a log that has lost its end: %v", err)
	}
	if err := s.Mend(t.Context()); err != nil {
		t.Fatal(err)
	}

	r, _ := s.state("INC-1").Run(c.Run.ID)
	if now := s.protection("orders").Token; r.State != pointsman.RunParked || r.Token != 1001 || now != r.Token {
		t.Errorf("the run is %s under token %d, its target at %d; want it parked under a token that nobody had", r.State, r.Token, now)
	}
	s.do(pointsman.Steer{Run: r.ID, Verb: pointsman.VerbRetry, Reason: "seen on the console", By: ana})
	again := s.claim("two")
	if r, _ := s.do(pointsman.WakeRun{Run: r.ID, Epoch: again.Epoch}).State.Run(r.ID); r.State != pointsman.RunRunning {
		t.Errorf("a person let the run go on, and it is %s: %s", r.State, r.Note)
	}
	s.do(pointsman.EndStep{Run: r.ID, Epoch: again.Epoch, Step: 0, State: pointsman.StepFailed})
	s.do(pointsman.Steer{Run: r.ID, Verb: pointsman.VerbAbort, Reason: "enough", By: ana})

	for incident, name := range map[string]string{"INC-1": "orders", "INC-2": "billing"} {
		p := s.asks(incident, name)
		if p.ID != incident+"/P1002" {
			t.Errorf("the next proposal of %s is %s", incident, p.ID)
		}
		run, _ := s.do(vote(p, ana)).State.OpenRun()
		want := map[string]int64{"orders": 1002, "billing": 1001}[name]
		if id := map[string]string{"INC-1": "INC-1/R1002", "INC-2": "INC-2/R1001"}[incident]; run.ID != id || run.Token != want {
			t.Errorf("the next run of %s is %q under token %d, want %s under %d", incident, run.ID, run.Token, id, want)
		}
	}
	for _, cmd := range []pointsman.Protect{protect(pointsman.Lockout, "users", ben), protect(pointsman.Freeze, "", ben)} {
		if ans := s.do(cmd).Answer; !ans.OK() || s.protection(cmd.Target.Name).Token != 1002 {
			t.Errorf("%s: %+v", cmd.Verb, ans)
		}
	}
	if id := s.do(s.webhook("stock", s.alert("fp-stock"))).State.Incident.ID; id != "INC-1003" {
		t.Errorf("the next incident is %s", id)
	}
	s.intact()
}

// asks is a person's wish within an incident, brought to a proposal that one must approve.
func (s *story) asks(incident, name string) pointsman.Proposal {
	s.tb.Helper()
	o := s.webhook(name).Offers[0]
	o.Params = map[string]string{"cluster": name, "why": "asked"}
	st := s.do(pointsman.Request{Incident: incident, Offer: o, Reason: "asked", By: ben}).State
	p := st.Proposals[len(st.Proposals)-1]
	st = s.do(pointsman.Ready{Proposal: p.ID, Generation: 1, Plan: plan(p, true, 2, pointsman.Requirement{Count: 1, Role: "dba"})}).State
	p, _ = st.Proposal(p.ID)
	return p
}
