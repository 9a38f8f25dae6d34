package store_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/store"
	"github.com/pointsman/pointsman/store/audit"
)

// TestStore_notices_that_the_log_has_lost_its_end: somebody restores an older copy, and the program remembers more.
func TestStore_notices_that_the_log_has_lost_its_end(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]int64{"shorter than it was": 0, "as long as it was": 1, "longer than it was": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := onSQLite(t)
			s := open(t, cfg)
			run := started(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			backup, err := os.ReadFile(cfg.Path)
			if err != nil {
				t.Fatal(err)
			}
			s = open(t, cfg)
			if err := s.Note(t.Context(), pointsman.Event{Type: pointsman.EvServerState, Text: "what will be lost"}); err != nil {
				t.Fatal(err)
			}
			cfg.Known = s.Tail()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(cfg.Path, backup, 0o600); err != nil {
				t.Fatal(err)
			}
			forked := cfg
			forked.Known = store.Tail{}
			s = open(t, forked) // somebody who remembers nothing goes on where the copy ends
			for range more {
				if err := s.Note(t.Context(), pointsman.Event{Type: pointsman.EvServerState, Text: "another history"}); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}

			s = open(t, cfg)
			_, err = s.Do(t.Context(), outage(7))
			if _, lost := errors.AsType[*store.CutError](err); !lost {
				t.Fatalf("it decided on a log that had lost its end: %v", err)
			}
			if _, claimed, err := s.ClaimRun(t.Context(), "me", time.Minute); claimed || err == nil {
				t.Fatalf("a run was claimed: %v", err)
			}
			if note, err := s.Checkpoint(t.Context(), signer(t)); err == nil {
				t.Errorf("it signed a log that had lost its end: %s", note)
			}
			if err := s.Mend(t.Context()); err != nil {
				t.Fatal(err)
			}
			st, err := s.State(t.Context(), pointsman.IncidentOf(run.ID))
			if err != nil {
				t.Fatal(err)
			}
			r, _ := st.Run(run.ID)
			if r.State != pointsman.RunParked || r.Steps[0].State != pointsman.StepUnknown || st.Incident.Page != pointsman.PageTriggered || !strings.Contains(r.Note, "the log has lost its end") {
				t.Errorf("the run is %s at a step that is %s, the page %q: %s", r.State, r.Steps[0].State, st.Incident.Page, r.Note)
			}
			if _, claimed, err := s.ClaimRun(t.Context(), "me", time.Minute); claimed || err != nil {
				t.Errorf("a parked run was claimed: %v", err)
			}
			res, err := s.Do(t.Context(), outage(7))
			if err != nil || res.State.Incident.ID != "INC-1002" {
				t.Errorf("the next incident is %s, %v; want a number that was never given", res.State.Incident.ID, err)
			}
			if err := s.Whole(t.Context()); err != nil {
				t.Error(err)
			}
			wholeLog(t, s)
		})
	}
}

// TestStore_gives_no_epoch_out_again_after_a_loss: a run that was being undone has been leased under epochs that are lost.
func TestStore_gives_no_epoch_out_again_after_a_loss(t *testing.T) {
	t.Parallel()
	cfg := onSQLite(t)
	s := open(t, cfg)
	run := started(t, s)
	for _, cmd := range []pointsman.Command{
		pointsman.Steer{Run: run.ID, Verb: pointsman.VerbAbort, Reason: "not now", By: pointsman.Actor{Person: pointsman.Person{ID: "ana", Roles: []string{"dba"}}}},
		pointsman.EndStep{Run: run.ID, Epoch: run.Epoch, Step: 0, State: pointsman.StepDone},
	} {
		if res, err := s.Do(t.Context(), cmd); err != nil || !res.Answer.OK() {
			t.Fatalf("%+v, %v", res.Answer, err)
		}
	}
	cfg.Known = s.Tail()
	cfg.Known.Seq++ // one entry more was acknowledged
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, cfg)
	if err := s.Mend(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := s.Do(t.Context(), pointsman.BeginUndo{Run: run.ID, Epoch: run.Epoch + 1})
	if e, ok := errors.AsType[*pointsman.Error](err); !ok || e.Code != pointsman.CodeConflict {
		t.Errorf("an owner wrote under an epoch that may have been given out before: %v", err)
	}
	st, err := s.State(t.Context(), pointsman.IncidentOf(run.ID))
	if r, _ := st.Run(run.ID); err != nil || r.State != pointsman.RunParked {
		t.Errorf("the run is %s, %v; want it parked", r.State, err)
	}
}

// TestStore_mends_each_loss: an operator restores a backup, and the same one once more on the next day. What was given out
// after the first loss is lost with the second, also the record that there was a first.
func TestStore_mends_each_loss(t *testing.T) {
	t.Parallel()
	cfg := onSQLite(t)
	s := open(t, cfg)
	run := started(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	backup, err := os.ReadFile(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range []string{"INC-1002", "INC-2002", "INC-3002"} {
		s = open(t, cfg)
		if err := s.Note(t.Context(), pointsman.Event{Type: pointsman.EvServerState, Text: "what will be lost"}); err != nil {
			t.Fatal(err)
		}
		cfg.Known = s.Tail()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(cfg.Path, backup, 0o600); err != nil {
			t.Fatal(err)
		}
		s = open(t, cfg)
		if err := s.Mend(t.Context()); err != nil {
			t.Fatal(err)
		}
		st, err := s.State(t.Context(), pointsman.IncidentOf(run.ID))
		if err != nil {
			t.Fatal(err)
		}
		if r := st.Runs[0]; r.State != pointsman.RunParked || st.Incident.RunCount != 1+(day+1)*1000 {
			t.Errorf("day %d: the run is %s, %d numbers of runs are given out", day+1, r.State, st.Incident.RunCount)
		}
		if n := losses(t, s); n != 1 {
			t.Errorf("day %d: the loss is on record %d times", day+1, n)
		}
		if _, err := s.Do(t.Context(), pointsman.EndStep{Run: run.ID, Epoch: run.Epoch + int64(day+1)*1000 - 1}); err == nil {
			t.Errorf("day %d: an owner wrote under an epoch that may have been given out before", day+1)
		}
		res, err := s.Do(t.Context(), outage(7))
		if err != nil || res.State.Incident.ID != want {
			t.Errorf("day %d: the next incident is %s, %v; want %s, a number that was never given", day+1, res.State.Incident.ID, err, want)
		}
		cfg.Known = s.Tail()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func signer(t *testing.T) audit.Key {
	t.Helper()
	secret, _, err := audit.NewKey("tail.example")
	if err != nil {
		t.Fatal(err)
	}
	key, err := audit.ParseKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// losses counts the entries that put a loss on record.
func losses(t *testing.T, s *store.Store) (n int) {
	t.Helper()
	all, err := s.Events(t.Context(), "", 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range all {
		if ev.Type == pointsman.EvServerState && strings.HasPrefix(ev.Text, "the log has lost its end") {
			n++
		}
	}
	return n
}

// started is a run whose first step has begun.
func started(t *testing.T, s *store.Store) pointsman.Run {
	t.Helper()
	res, err := s.Do(t.Context(), outage(1))
	if err != nil {
		t.Fatal(err)
	}
	p := res.State.Proposals[0]
	plan, err := pointsman.Plan{
		Version: 1, Runbook: p.Runbook, Policy: pointsman.Policy{Require: []pointsman.Requirement{{Count: 1, Role: "dba"}}, Expires: time.Hour},
		Steps: []pointsman.PlanStep{{Name: "one", Kind: "test.nothing", Timeout: time.Second, Undo: true}, {Name: "two", Kind: "test.nothing", Timeout: time.Second}},
	}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	ana := pointsman.Person{ID: "ana", Roles: []string{"dba"}}
	do := func(cmd pointsman.Command) pointsman.Result {
		t.Helper()
		res, err := s.Do(t.Context(), cmd)
		if err != nil || !res.Answer.OK() {
			t.Fatalf("%+v, %v", res.Answer, err)
		}
		return res
	}
	do(pointsman.Ready{Proposal: p.ID, Generation: 1, Plan: plan})
	do(pointsman.CastVote{Proposal: p.ID, Digest: pointsman.Digest(plan), Verdict: pointsman.Approve, By: pointsman.Actor{Person: ana}})
	c, ok, err := s.ClaimRun(t.Context(), "me", time.Minute)
	if err != nil || !ok {
		t.Fatalf("nothing to claim: %v", err)
	}
	return do(pointsman.StartRun{Run: c.Run.ID, Epoch: c.Epoch, People: map[string]pointsman.Person{"ana": ana}}).State.Runs[0]
}
