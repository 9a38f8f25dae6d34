package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
)

const lease = 6 * time.Second

func (s *story) claim(owner string) pointsman.Claim {
	s.tb.Helper()
	c, ok, err := s.ClaimRun(context.Background(), owner, lease)
	if err != nil || !ok {
		s.tb.Fatalf("%s claims a run: %v, %v", owner, ok, err)
	}
	return c
}

func (s *story) nothingToClaim(why string) {
	s.tb.Helper()
	if c, ok, err := s.ClaimRun(context.Background(), "w", lease); ok || err != nil {
		s.tb.Errorf("%s: claimed %s (%v)", why, c.Run.ID, err)
	}
}

func people() map[string]pointsman.Person {
	return map[string]pointsman.Person{"ana": ana.Person, "ben": ben.Person}
}

// running brings an outage to a run that owner carries out.
func (s *story) running(name, owner string) pointsman.Claim {
	s.tb.Helper()
	s.queued(name)
	c := s.claim(owner)
	res := s.do(pointsman.StartRun{Run: c.Run.ID, Epoch: c.Epoch, People: people()})
	if r, _ := res.State.Run(c.Run.ID); r.State != pointsman.RunRunning {
		s.tb.Fatalf("%s is %s: %s", r.ID, r.State, res.Answer.Text)
	}
	return c
}

func conflict(err error) bool {
	e, ok := errors.AsType[*pointsman.Error](err)
	return ok && e.Code == pointsman.CodeConflict
}

func fencing(t *testing.T, s *story) {
	old := s.running("a", "one")
	s.nothingToClaim("the lease lasts")
	s.now.pass(4 * time.Second)
	if err := s.Heartbeat(t.Context(), old.Run.ID, old.Epoch, lease); err != nil {
		t.Fatal(err)
	}
	s.now.pass(4 * time.Second)
	s.nothingToClaim("the lease was prolonged")
	s.now.pass(lease)
	taken := s.claim("two")
	if !taken.Takeover || taken.Epoch != old.Epoch+1 || taken.Run.State != pointsman.RunRunning {
		t.Errorf("takeover: %+v", taken)
	}
	before, events := s.state("INC-1"), len(s.events(""))
	for _, cmd := range []pointsman.Command{
		pointsman.EndStep{Run: old.Run.ID, Epoch: old.Epoch, Step: 0, State: pointsman.StepDone},
		pointsman.NoteMemo{Run: old.Run.ID, Epoch: old.Epoch, Step: 0, Memo: []byte(`{"x":1}`)},
	} {
		if _, err := s.Do(t.Context(), cmd); !conflict(err) {
			t.Errorf("%T of the former owner: %v, want a conflict", cmd, err)
		}
	}
	if err := s.Heartbeat(t.Context(), old.Run.ID, old.Epoch, lease); !conflict(err) {
		t.Errorf("heartbeat of the former owner: %v, want a conflict", err)
	}
	if err := s.Release(t.Context(), old.Run.ID, old.Epoch); err != nil {
		t.Error(err)
	}
	s.nothingToClaim("a former owner cannot release")
	if diff := cmp.Diff(before, s.state("INC-1")); diff != "" || len(s.events("")) != events {
		t.Errorf("a fenced write changed something:\n%s", diff)
	}
	s.do(pointsman.TakeOver{Run: old.Run.ID, Epoch: taken.Epoch, Owner: "two"})
}

func claimers(t *testing.T, s *story) {
	const runs, workers = 6, 8
	for i := range runs {
		s.queued(string(rune('a' + i)))
	}
	got := make(chan string, workers*runs)
	atOnce(workers, func(int) {
		for range runs {
			c, ok, err := s.ClaimRun(context.Background(), "w", lease)
			if err != nil {
				t.Error(err)
			}
			if !ok {
				return
			}
			got <- c.Run.ID
		}
	})
	close(got)
	seen := map[string]int{}
	for id := range got {
		seen[id]++
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was claimed %d times", id, n)
		}
	}
	// A worker that lost every race may have left while a run was still free; somebody looks again a second later.
	for range runs - len(seen) {
		seen[s.claim("late").Run.ID]++
	}
	if len(seen) != runs {
		t.Errorf("claimed %v, want %d different runs", seen, runs)
	}
	s.nothingToClaim("all are leased")
}

func waiting(t *testing.T, s *story) {
	c := s.running("a", "one")
	s.do(pointsman.WaitStep{Run: c.Run.ID, Epoch: c.Epoch, Step: 0, Until: s.now.now().Add(time.Minute), Note: "30 s of quiet"})
	s.nothingToClaim("its time has not come")
	if err := s.Heartbeat(t.Context(), c.Run.ID, c.Epoch, lease); !conflict(err) {
		t.Errorf("heartbeat after the worker was given back: %v, want a conflict", err)
	}
	s.now.pass(time.Minute)
	again := s.claim("two")
	if again.Takeover || again.Run.State != pointsman.RunWaiting || again.Epoch != c.Epoch+1 {
		t.Errorf("claim of a waiting run: %+v", again)
	}
	s.do(pointsman.WakeRun{Run: c.Run.ID, Epoch: again.Epoch})
	s.do(pointsman.WaitStep{Run: c.Run.ID, Epoch: again.Epoch, Step: 0, Note: "a person must look"})
	s.now.pass(24 * time.Hour)
	s.nothingToClaim("it waits for a person")
	s.do(pointsman.Steer{Run: c.Run.ID, Verb: pointsman.VerbDone, Reason: "seen on the console", By: ana})
	s.claim("three")
}

// wordsOnWaiting: a person says something in the moment in which a worker has claimed a run that waits. It goes on under its
// lease, or it does not go on; without one another worker could take the run from under the step that it begins.
func wordsOnWaiting(t *testing.T, s *story) {
	c := s.running("a", "one")
	s.do(pointsman.WaitStep{Run: c.Run.ID, Epoch: c.Epoch, Step: 0, Until: s.now.now().Add(time.Minute), Note: "30 s of quiet"})
	s.now.pass(time.Minute)
	again := s.claim("two")
	for _, verb := range []pointsman.Verb{pointsman.VerbPause, pointsman.VerbResume} {
		s.do(pointsman.Steer{Run: c.Run.ID, Verb: verb, Reason: "seen on the console", By: ana})
	}
	s.nothingToClaim("it is claimed, and nobody said that it is not")
	if r, _ := s.do(pointsman.WakeRun{Run: c.Run.ID, Epoch: again.Epoch}).State.Run(c.Run.ID); r.State != pointsman.RunRunning {
		t.Fatalf("the run is %s", r.State)
	}
	s.nothingToClaim("its worker carries it out")
	if err := s.Heartbeat(t.Context(), c.Run.ID, again.Epoch, lease); err != nil {
		t.Error(err)
	}

	s.do(pointsman.WaitStep{Run: c.Run.ID, Epoch: again.Epoch, Step: 0, Until: s.now.now().Add(time.Minute), Note: "30 s of quiet"})
	s.now.pass(time.Minute)
	third := s.claim("three")
	s.do(pointsman.Steer{Run: c.Run.ID, Verb: pointsman.VerbAbort, Reason: "enough", By: ana})
	if _, err := s.Do(t.Context(), pointsman.WakeRun{Run: c.Run.ID, Epoch: third.Epoch}); !conflict(err) {
		t.Errorf("a worker went on with a run that was taken from it: %v", err)
	}
}

func releasing(t *testing.T, s *story) {
	c := s.running("a", "one")
	if err := s.Release(t.Context(), c.Run.ID, c.Epoch); err != nil {
		t.Fatal(err)
	}
	c = s.claim("two")
	s.do(pointsman.TakeOver{Run: c.Run.ID, Epoch: c.Epoch, Owner: "two"})
	s.do(pointsman.EndStep{Run: c.Run.ID, Epoch: c.Epoch, Step: 0, State: pointsman.StepFailed, Note: "no answer"})
	s.now.pass(time.Hour)
	s.nothingToClaim("it is parked")
	s.do(pointsman.Steer{Run: c.Run.ID, Verb: pointsman.VerbAbort, Reason: "seen on the console", By: ana})
	s.nothingToClaim("it is aborted")
}
