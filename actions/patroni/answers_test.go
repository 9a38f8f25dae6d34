package patroni_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/patroni"
)

// TestAnswers: what Patroni answers is not the outcome. Whatever it says it is asked once, and what counts is seen at the
// members. "open" is the error by which the engine knows that it cannot tell.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer  func(f *fake, candidate string) (int, string)
		refused bool   // Apply says that nothing was begun
		apply   string // the error of Apply, empty where it is done
		verify  string // "holds", "open", or the refusal that is seen
	}{
		"done": {
			answer: moved("pg-2", 200, `Successfully switched over to "pg-2"`), verify: "holds",
		},
		"done_and_the_archive_holds_the_history_of_an_earlier_promotion": {
			answer: func(f *fake, _ string) (int, string) {
				f.lead("pg-2")
				f.onTimeline(5)
				return 200, `Successfully switched over to "pg-2"`
			}, verify: "holds",
		},
		"instead_of": {
			answer: moved("pg-3", 200, `Switched over to "pg-3" instead of "pg-2"`),
			apply:  `patroni answers 200: Switched over to "pg-3" instead of "pg-2"`, verify: "pg-3 leads on timeline 4 instead of pg-2",
		},
		"success_that_nobody_sees": {
			answer: moved("", 200, `Successfully switched over to "pg-2"`), verify: "pg-1 still leads, on timeline 3",
		},
		"status_unknown_and_it_happened": {
			answer: moved("pg-2", 503, "Switchover status unknown"), apply: "patroni answers 503: Switchover status unknown", verify: "holds",
		},
		"status_unknown_and_not_yet": {
			answer: moved("", 503, "Switchover status unknown"), apply: "patroni answers 503: Switchover status unknown", verify: "open",
		},
		"failed_and_the_leader_serves": {
			answer: moved("", 503, "Switchover failed"), apply: "patroni answers 503: Switchover failed", verify: "pg-1 still leads, on timeline 3",
		},
		"failed_to_write_may_have_been_written": {
			answer: moved("", 503, "failed to write failover key into DCS"), apply: "patroni answers 503: failed to write", verify: "open",
		},
		"answer_lost_and_it_happened": {
			answer: moved("pg-2", 0, ""), apply: "switchover was asked of pg-1 and the answer was lost", verify: "holds",
		},
		"answer_lost_and_not_yet": {
			answer: moved("", 0, ""), apply: "switchover was asked of pg-1 and the answer was lost", verify: "open",
		},
		"another_proxy_answers": {
			answer: moved("", 502, "<html>bad gateway</html>"), apply: "patroni answers 502", verify: "open",
		},
		"refused": {
			answer: moved("", 412, "leader name does not match"), refused: true, apply: "Patroni refuses (412 from pg-1): leader name does not match", verify: "open",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.answer = c.answer
			k, in := kindOf(t, f.clusters(), "patroni.switchover"), switchover(pins())
			out, err := k.Apply(t.Context(), in)
			if (err == nil) != (c.apply == "") || err != nil && !strings.Contains(err.Error(), c.apply) {
				t.Fatalf("apply: %v, want %q", err, c.apply)
			}
			if _, refused := errors.AsType[*actions.RefusedError](err); refused != c.refused {
				t.Errorf("apply: %v, a refusal is %t", err, refused)
			}
			if f.requests() != `pg-1 /switchover {"candidate":"pg-2","leader":"pg-1"}` {
				t.Errorf("asked was %s", f.requests())
			}
			in.Memo = out.Memo
			ev, err := k.Verify(t.Context(), in)
			switch {
			case (err != nil) != (c.verify == "open"):
				t.Errorf("verify: %v, want %s", err, c.verify)
			case ev.Holds != (c.verify == "holds"):
				t.Errorf("holds is %t, want %s: %+v", ev.Holds, c.verify, pointsman.Refusals(ev.Facts))
			case !ev.Holds && err == nil:
				mustRefuse(t, ev.Facts, c.verify)
			}
		})
	}
}

func moved(to string, status int, text string) func(*fake, string) (int, string) {
	return func(f *fake, _ string) (int, string) {
		if to != "" {
			f.lead(to)
		}
		return status, text
	}
}

// TestSuccessorObserves: the process died after it asked. Its successor has at most what was remembered before, and never
// takes that for a success or asks again.
func TestSuccessorObserves(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer = moved("", 0, "")
	k, in := kindOf(t, f.clusters(), "patroni.switchover"), switchover(pins())
	var kept []byte
	in.Remember = func(memo json.RawMessage, _ string) error { kept = memo; return nil }
	if _, err := k.Apply(t.Context(), in); err == nil {
		t.Fatal("a lost answer is no success")
	}
	for _, memo := range [][]byte{nil, kept} {
		in.Memo = memo
		if ev, err := k.Verify(t.Context(), in); err == nil || ev.Holds {
			t.Errorf("memo %s: holds %t, error %v; it may happen yet", memo, ev.Holds, err)
		}
	}
	f.mu.Lock()
	f.lead("pg-2")
	f.mu.Unlock()
	for _, memo := range [][]byte{nil, kept} {
		in.Memo = memo
		if ev, err := k.Verify(t.Context(), in); err != nil || !ev.Holds {
			t.Errorf("memo %s: holds %t, error %v; it has happened", memo, ev.Holds, err)
		}
	}
	if n := strings.Count(f.requests(), "/switchover"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	in.Remember = func(json.RawMessage, string) error { return errors.New("the store is away") }
	back := switchover(map[string]string{pointsman.PinFrom: "pg-2", pointsman.PinTo: "pg-1", "timeline": "4", "system_id": systemID})
	back.Remember = in.Remember
	applyRefuses(t, k, back, "nothing was asked: the store is away")
}

// TestUnsentRequestGoesToTheNextMember: nothing can be asked of the candidate's REST API, and nothing was sent to it.
func TestUnsentRequestGoesToTheNextMember(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.vacant()
	f.members[0].server.Close() // its port refuses
	cfg := f.config()
	clusters := patroni.New(patroni.Config{cfg})
	k, in := kindOf(t, clusters, "patroni.failover"), failover(pins())
	f.answer = moved("pg-2", 200, `Successfully failed over to "pg-2"`)
	out, err := k.Apply(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if want := `pg-2 /failover {"candidate":"pg-2"}`; f.requests() != want {
		t.Errorf("asked was %s, want %s: with a leader in it Patroni would make a switchover of it", f.requests(), want)
	}
	in.Memo = out.Memo
	if ev, err := k.Verify(t.Context(), in); err != nil || !ev.Holds {
		t.Errorf("holds %t, error %v", ev.Holds, err)
	}
}

// TestLeads is the step after the move: who follows, and who may be silent.
func TestLeads(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(f *fake)
		former string
		says   string // empty: it holds
	}{
		"all_follow":                      {former: "pg-1"},
		"former_leader_is_silent":         {former: "pg-1", change: func(f *fake) { f.members[0].silent = true }, says: "pg-1 does not stream from pg-2: it does not answer"},
		"lost_leader_is_silent":           {change: func(f *fake) { f.members[0].silent = true }},
		"replica_stays_behind":            {change: func(f *fake) { f.members[2].timeline = 3 }, says: "pg-3 does not stream from pg-2"},
		"another_leads":                   {change: func(f *fake) { f.lead("pg-3") }, says: "pg-3 leads on timeline 5 instead of pg-2"},
		"old_leader_is_primary_once_more": {change: func(f *fake) { f.members[0].writes = true }, says: "pg-1 and pg-2 say that they are primary"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.lead("pg-2")
			if c.change != nil {
				c.change(f)
			}
			k, in := kindOf(t, f.clusters(), "patroni.status"), leads(pins(), c.former)
			in.Applied = time.Now()
			ev, err := k.Verify(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if ev.Holds != (c.says == "") {
				t.Errorf("holds is %t: %+v", ev.Holds, pointsman.Refusals(ev.Facts))
			}
			if c.says != "" {
				mustRefuse(t, ev.Facts, c.says)
			}
		})
	}
	f := newFake(t)
	ev, err := kindOf(t, f.clusters(), "patroni.status").Verify(t.Context(), leads(pins(), ""))
	if err != nil || ev.Holds {
		t.Errorf("nothing moved, holds %t, error %v", ev.Holds, err)
	}
}
