package actions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
)

var north = pointsman.Target{Kind: "yard", Name: "north"}

func byPerson(p *pointsman.Proposal) {
	p.Requester = pointsman.Actor{Person: ben, Door: pointsman.DoorCLI}
}

// guarded are the facts of the guards that no kind knows, as lines.
func guarded(facts []pointsman.Fact) string {
	var out []string
	for _, f := range facts {
		if strings.HasPrefix(f.Guard, "G") {
			out = append(out, fmt.Sprintf("%s %s: %s [%s]", f.Guard, f.Kind, f.Sentence(), f.Clears))
		}
	}
	return strings.Join(out, "\n")
}

func (w *world) wantFacts(res Resolution, want ...string) pointsman.Plan {
	w.t.Helper()
	if diff := cmp.Diff(strings.Join(want, "\n"), guarded(res.Facts)); diff != "" {
		w.t.Errorf("facts (-want +got)\n%s", diff)
	}
	plan, err := pointsman.DecodePlan(res.Plan)
	if err != nil {
		w.t.Fatal(err)
	}
	return plan
}

func (w *world) protect(verb pointsman.Protective, target pointsman.Target, d time.Duration) {
	w.t.Helper()
	c := pointsman.Protect{Verb: verb, Target: target, For: d, Reason: "rails are ground", Roles: []string{"dba"}, By: pointsman.Actor{Person: ana, Door: pointsman.DoorCLI}}
	if ans := w.do(c); !ans.OK() {
		w.t.Fatal(ans)
	}
}

// moved lets a failover of the yard be the last thing that happened there.
func (w *world) moved(ago time.Duration) {
	w.ledger.guarded = []pointsman.Protection{{Target: north.Key(), Token: 3, Moved: pointsman.Moved{
		Run: "INC-0/R1", Runbook: "switch-track", At: time.Now().Add(-ago), From: "track-2", To: "track-1",
	}}}
}

func TestWarden(t *testing.T) {
	t.Run("a lock and a freeze are told before anybody is asked", func(t *testing.T) {
		story(t, func(w *world) {
			w.protect(pointsman.Lockout, north, 2*time.Hour)
			w.protect(pointsman.Freeze, pointsman.Target{}, 0)
			w.wantFacts(w.resolved(),
				"G23 HARD: everything is frozen by Ana since 2000-01-01 00:00 UTC: rails are ground [pointsman unfreeze ends it]",
				"G7 HARD: yard/north is locked by Ana since 2000-01-01 00:00 UTC until 2000-01-01 02:00 UTC: rails are ground [pointsman unlock yard/north ends it earlier]")
			time.Sleep(2 * time.Hour)
			w.protect(pointsman.Unfreeze, pointsman.Target{}, 0)
			w.wantFacts(w.resolved())
		})
	})
	t.Run("what is held cannot be told, so it refuses", func(t *testing.T) {
		story(t, func(w *world) {
			w.ledger.break_(errors.New("database is down"))
			w.wantFacts(w.resolved(), "G7 HARD: whether yard/north is locked cannot be told: database is down [refresh the checks when the store answers]")
		})
	})
	t.Run("after a failover a suggested run needs one more approver, a person's own request a warning", func(t *testing.T) {
		story(t, func(w *world) {
			w.guards.Cooldown = time.Hour
			w.cat.runbook.Steps[1].Irreversible = false
			w.moved(10 * time.Minute)
			said := "yard/north was moved by INC-0/R1 (switch-track) at 1999-12-31 23:50 UTC; the cool-down of 1h lasts until 2000-01-01 00:50 UTC [wait until 2000-01-01 00:50 UTC]"
			plan := w.wantFacts(w.resolved(), "G9 ACK: "+said)
			if plan.Policy.Needed() != 2 || !strings.Contains(plan.Policy.Require[1].Why, "the cool-down of 1h") {
				t.Errorf("policy %+v, want one more", plan.Policy)
			}
			if plan := w.wantFacts(w.resolved(byPerson), "G9 WARN: "+said); plan.Policy.Needed() != 1 {
				t.Errorf("policy %+v, want the runbook's", plan.Policy)
			}
			own := time.Duration(0)
			w.guards.Targets = []TargetGuards{{Target: "yard/*", Cooldown: &own}}
			w.wantFacts(w.resolved())
			w.guards.Targets = nil
			time.Sleep(50 * time.Minute)
			w.wantFacts(w.resolved())
		})
	})
	t.Run("a second failover and a way back need one more, whoever asks", func(t *testing.T) {
		story(t, func(w *world) {
			w.guards.Cooldown = time.Hour
			w.moved(10 * time.Minute)
			said := "yard/north was moved by INC-0/R1 (switch-track) at 1999-12-31 23:50 UTC"
			first := w.resolved(byPerson)
			plan := w.wantFacts(first,
				"G9 WARN: "+said+"; the cool-down of 1h lasts until 2000-01-01 00:50 UTC [wait until 2000-01-01 00:50 UTC]",
				"G9 ACK: "+said+", so this would be the second failover within 1h [wait until 2000-01-01 00:50 UTC]",
				"G9 ACK: "+said+" away from track-2, which no run has brought back since; this would fail back to it [rebuild track-2 with a runbook that rejoins it]",
				"G33 HARD: approval needs 2 of dba, but only 1 of 2 places can be filled from the configured people besides the requester [give more people the role under people[].roles]")
			if plan.Policy.String() != "2 of dba" || len(plan.Accepted) != 2 {
				t.Errorf("needs %s, accepts %v", plan.Policy, plan.Accepted)
			}
			time.Sleep(time.Minute)
			if again := w.resolved(byPerson); pointsman.Digest(again.Plan) != pointsman.Digest(first.Plan) {
				t.Error("a minute later the same plan has another digest")
			}
			time.Sleep(24 * time.Hour)
			if !strings.Contains(guarded(w.resolved().Facts), "G9 ACK: "+said+" away from track-2") {
				t.Error("a day later the way back is open, and nobody rejoined track-2")
			}
			w.ledger.guarded[0].Moved.Rejoined = time.Now()
			w.wantFacts(w.resolved())
		})
	})
	t.Run("windows hold suggestions back, and planned work in", func(t *testing.T) {
		story(t, func(w *world) {
			w.guards.Targets = []TargetGuards{{
				Target:       "yard/north",
				NoAutomation: []Window{{Name: "new year", Days: []string{"sat"}, From: "00:00", To: "06:00"}},
				OnlyWithin:   []Window{{Name: "sunday", Days: []string{"sun"}, From: "02:00", To: "05:00"}},
			}}
			w.wantFacts(w.resolved(),
				"G23 HARD: yard/north takes no suggested runs in the window new year (sat 00:00 to 06:00 UTC); they are allowed again at 2000-01-01 06:00 UTC [wait until 2000-01-01 06:00 UTC, or a person asks: pointsman run switch-track]")
			w.wantFacts(w.resolved(byPerson),
				"G23 WARN: yard/north is in the window new year (sat 00:00 to 06:00 UTC) until 2000-01-01 06:00 UTC; a person asked, so it is allowed []",
				"G23 HARD: planned work on yard/north runs only within its windows; the next one is sunday (sun 02:00 to 05:00 UTC), at 2000-01-02 02:00 UTC [wait until 2000-01-02 02:00 UTC]")
			w.cat.runbook.Answers = []pointsman.AnswerTo{{Matchers: []string{"alertname=TrackDown"}}} // not planned any more
			time.Sleep(6 * time.Hour)
			w.wantFacts(w.resolved())
			w.wantFacts(w.resolved(byPerson))
		})
	})
	t.Run("what only stops things is exempt", func(t *testing.T) {
		story(t, func(w *world) {
			w.protect(pointsman.Lockout, north, 0)
			w.protect(pointsman.Freeze, pointsman.Target{}, 0)
			w.kinds.kinds["yard.fence"] = observed{Action: brake{w.fence}}
			w.cat.runbook.Steps = w.cat.runbook.Steps[:1]
			if plan := w.wantFacts(w.resolved()); !plan.Exempt {
				t.Error("the plan is not exempt")
			}
		})
	})
}

// brake is an action that only stops things; signal belongs to a group and tells its health.
type brake struct{ *points }

func (brake) OnlyStops() bool { return true }

type signal struct {
	*points
	sick map[string]string
}

func (signal) Probes() string { return "yard" }

func (s signal) Healthy(_ context.Context, name string) (bool, string, error) {
	if s.sick[name] == "gone" {
		return false, "", errors.New("no route to host")
	}
	return s.sick[name] == "", s.sick[name], nil
}

func (s signal) Aims(in Input) (pointsman.Target, error) {
	var a struct{ Line string }
	err := in.Args(&a)
	return pointsman.Target{Kind: "yard", Name: a.Line}, err
}

func TestBlastRadius(t *testing.T) {
	t.Run("one run works on so many targets", func(t *testing.T) {
		story(t, func(w *world) {
			w.guards.MaxTargets = 1
			w.kinds.kinds["yard.throw"] = observed{Action: signal{points: w.throw}}
			w.wantFacts(w.resolved(), "G15 HARD: the run works on 2 targets (yard/north, yard/track-2), limit 1 [one run for each, or a higher guards.max_targets]")
			w.guards.MaxTargets = 2
			w.wantFacts(w.resolved())
		})
	})
	t.Run("so many of a group stay healthy beside it", func(t *testing.T) {
		story(t, func(w *world) {
			s := signal{points: w.throw, sick: map[string]string{"east": "east answers 503", "west": "gone"}}
			w.kinds.kinds["yard.throw"] = observed{Action: s}
			w.cat.runbook.Steps[1].With = map[string]any{"line": "north"}
			w.guards.Groups = []Group{{Name: "yards", Targets: []string{"yard/north", "yard/east", "yard/west"}, KeepHealthy: 2}}
			w.wantFacts(w.resolved(), "G15 HARD: group yards must keep at least 2 healthy, 0 would be left: east answers 503; yard/west could not be asked: no route to host [bring the others back first]")
			delete(s.sick, "west")
			w.wantFacts(w.resolved(), "G15 HARD: group yards must keep at least 2 healthy, 1 would be left: east answers 503 [bring the others back first]")
			delete(s.sick, "east")
			w.wantFacts(w.resolved(), "G15 HARD: healthy in group yards: 2 of the 2 others, wanted: at least 2 []")
		})
	})
}

func TestAFreezeLetsTheStepEndAndParksTheRun(t *testing.T) {
	story(t, func(w *world) {
		w.guards = DefaultGuards()
		w.fence.stuckApply = make(chan struct{})
		defer w.work("a")()
		w.approve(w.propose())
		synctest.Wait()
		w.protect(pointsman.Freeze, pointsman.Target{}, 0)
		w.fence.change(func(p *points) { p.set = true })
		close(w.fence.stuckApply)
		synctest.Wait()
		r := w.wantRun(pointsman.RunParked, "step 2 (throw) was not begun: everything is frozen by Ana since 2000-01-01 00:00 UTC: rails are ground (pointsman unfreeze ends it); after that, retry goes on")
		if r.Steps[0].State != pointsman.StepDone || w.throw.times() != 0 {
			t.Fatalf("step 1 is %s, step 2 was applied %d times", r.Steps[0].State, w.throw.times())
		}
		retry := pointsman.Steer{Run: r.ID, Verb: pointsman.VerbRetry, Reason: "seen on the console", By: pointsman.Actor{Person: ana}}
		if ans := w.do(retry); ans.Code != pointsman.CodeLocked || !strings.Contains(ans.Text, "everything is frozen by Ana") {
			t.Fatalf("retry under the freeze: %+v", ans)
		}
		w.protect(pointsman.Unfreeze, pointsman.Target{}, 0)
		w.do(retry)
		time.Sleep(2 * time.Second)
		w.wantRun(pointsman.RunDone, "")
		if p := w.ledger.guarded; len(p) != 2 {
			t.Fatalf("%+v", p)
		}
	})
}

func TestAQueuedRunKeepsALockOffAndIsVoidedByAFreeze(t *testing.T) {
	story(t, func(w *world) {
		p := w.proposeOnly()
		w.approve(p)
		if ans := w.do(pointsman.Protect{Verb: pointsman.Lockout, Target: north, Reason: "late", Roles: []string{"dba"}, By: pointsman.Actor{Person: ana}}); ans.Code != pointsman.CodeLocked {
			t.Fatalf("a lock beside a queued run: %+v", ans)
		}
		w.protect(pointsman.Freeze, pointsman.Target{}, 0)
		defer w.work("a")()
		time.Sleep(2 * time.Second)
		w.wantRun(pointsman.RunVoided, "everything is frozen by Ana")
		st := w.ledger.state("INC-1").Proposals[0]
		if st.State != pointsman.ProposalRefused || !strings.Contains(guarded(st.Facts), "G23 HARD: everything is frozen by Ana") {
			t.Fatalf("the proposal is %s: %v", st.State, st.Facts)
		}
	})
}

// proposeOnly proposes while no engine works, so that a run stays queued.
func (w *world) proposeOnly() pointsman.Proposal {
	w.t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(w.t.Context())
	planner := &Planner{Desk: w.ledger, Log: quiet, Resolver: &Resolver{Kinds: w.kinds, Catalog: w.cat, CheckTimeout: 3 * time.Second, Warden: w.warden(), Log: quiet}}
	done := make(chan struct{})
	go func() { _ = planner.Run(ctx); close(done) }()
	p := w.propose()
	cancel()
	<-done
	return p
}

func TestAFinishedFailoverIsRemembered(t *testing.T) {
	story(t, func(w *world) {
		w.fence.pin = ""
		w.throw.pin = "track-2"
		w.cat.runbook.Steps[1].With = map[string]any{"line": "north"}
		defer w.work("a")()
		w.approve(w.propose())
		time.Sleep(time.Second)
		r := w.wantRun(pointsman.RunDone, "")
		got := pointsman.Held{Protections: w.ledger.guarded}.Of(north.Key())
		want := pointsman.Protection{Target: north.Key(), Token: 1, Moved: pointsman.Moved{Run: r.ID, Runbook: "switch-track", At: r.EndedAt, To: "track-2"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("remembered (-want +got)\n%s", diff)
		}
	})
}

func TestAWindowThatClosesDuringARunStopsItBeforeThePointOfNoReturn(t *testing.T) {
	story(t, func(w *world) {
		w.guards.Targets = []TargetGuards{{Target: "yard/north", OnlyWithin: []Window{{Name: "saturday", Days: []string{"sat"}, From: "00:00", To: "02:00"}}}}
		w.cat.runbook.Steps = []pointsman.RunbookStep{
			w.cat.runbook.Steps[0], {Name: "settle", Kind: KindWait, With: map[string]any{"for": "3h"}}, w.cat.runbook.Steps[1],
		}
		defer w.work("a")()
		w.approve(w.propose())
		time.Sleep(4 * time.Hour)
		r := w.wantRun(pointsman.RunParked, "planned work on yard/north runs only within its windows; the next one is saturday (sat 00:00 to 02:00 UTC), at 2000-01-08 00:00 UTC")
		if r.Steps[2].State != pointsman.StepRefused || w.throw.times() != 0 {
			t.Fatalf("step 3 is %s and was applied %d times", r.Steps[2].State, w.throw.times())
		}
	})
}

// Who configures nothing about guards is protected as the manual says.
func TestATargetCoolsDownForAnHourUnlessSomebodySaysOtherwise(t *testing.T) {
	t.Parallel()
	if g := DefaultGuards(); g.cooldown("postgres/orders") != 3600*time.Second || g.MaxTargets != 1 {
		t.Errorf("a target cools down for %s, and a run works on %d targets", g.cooldown("postgres/orders"), g.MaxTargets)
	}
}
