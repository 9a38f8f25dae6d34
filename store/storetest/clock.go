package storetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// wallClock is the wall clock of one replica's machine, which the story sets to what it likes.
type wallClock struct{ wrong atomic.Int64 }

func (w *wallClock) now() time.Time { return time.Now().Add(time.Duration(w.wrong.Load())) }

func (w *wallClock) set(wrong time.Duration) { w.wrong.Store(int64(wrong)) }

// ticking is the story with a store whose time passes by itself, on a machine with that wall clock.
func (s *story) ticking(w *wallClock) *story {
	s.tb.Helper()
	if err := s.Close(); err != nil {
		s.tb.Fatal(err)
	}
	other := *s
	other.cfg.Now, other.cfg.Wall = nil, w.now
	other.open()
	return &other
}

// asked brings an outage of the target to a proposal that one person must approve within the given time.
func (s *story) asked(name string, within time.Duration) pointsman.Proposal {
	s.tb.Helper()
	res := s.do(s.webhook(name, s.alert("fp-"+name)))
	p := res.State.Proposals[len(res.State.Proposals)-1]
	pl, err := pointsman.DecodePlan(plan(p, true, 1, pointsman.Requirement{Count: 1, Role: "dba"}))
	if err == nil {
		pl.Policy.Expires = within
		var b []byte
		if b, err = pl.Encode(); err == nil {
			p, _ = s.do(pointsman.Ready{Proposal: p.ID, Generation: p.Generation, Plan: b}).State.Proposal(p.ID)
		}
	}
	if err != nil || p.State != pointsman.ProposalReady {
		s.tb.Fatalf("%s is %s: %v", p.ID, p.State, err)
	}
	return p
}

// expires waits until the proposal has expired, and tells how long after it was ready that was by the log.
func (s *story) expires(p pointsman.Proposal) time.Duration {
	s.tb.Helper()
	incident := pointsman.IncidentOf(p.ID)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-tick.C {
		s.do(pointsman.Tick{Incident: incident})
		var ready time.Time
		for _, ev := range s.events(incident) {
			switch ev.Type {
			case pointsman.EvProposalReady:
				ready = ev.At
			case pointsman.EvProposalExpired:
				return ev.At.Sub(ready)
			}
		}
	}
	s.tb.Fatalf("%s did not expire within a minute; it lasts until %s, now is %s", p.ID, p.ExpiresAt, s.Now())
	return 0
}

// clockSet: whoever sets the wall clock of a replica's machine takes no time from an approval and gives it none.
func clockSet(t *testing.T, s *story) {
	for name, wrong := range map[string]time.Duration{"ahead": time.Hour, "behind": -time.Hour} {
		w := &wallClock{}
		r := s.ticking(w)
		long, short := r.asked("long-"+name, 15*time.Minute), r.asked("short-"+name, 2*time.Second)
		w.set(wrong)
		before := r.Now()
		if got := r.expires(short); got < 2*time.Second {
			t.Errorf("%s: a request that lasts 2 s expired after %s", name, got)
		}
		if res := r.do(vote(long, ana)); !res.Answer.OK() {
			t.Errorf("%s: the vote for a request that lasts 15 minutes: %s", name, res.Answer.Text)
		}
		if passed := r.Now().Sub(before); passed < 0 || passed > 10*time.Minute {
			t.Errorf("%s: %s passed", name, passed)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		s.open() // for the story's end, and the next turn
	}
}

// clockRestart: a process that starts on a machine whose wall clock was set back an hour goes on from what is stored.
func clockRestart(t *testing.T, s *story) {
	r := s.ticking(&wallClock{})
	p := r.asked("orders", 15*time.Minute)
	behind := &wallClock{}
	behind.set(-time.Hour)
	r = r.ticking(behind)
	if left := p.ExpiresAt.Sub(r.Now()); left > 15*time.Minute || left <= 0 {
		t.Errorf("%s lasts %s more after the restart, and it lasts 15 minutes in all", p.ID, left)
	}
	events := r.events("")
	r.do(vote(p, ana))
	all := r.events("")
	if first := all[len(events)]; first.At.Before(events[len(events)-1].At) {
		t.Errorf("%s at %s stands after an entry of %s", first.Type, first.At, events[len(events)-1].At)
	}
}
