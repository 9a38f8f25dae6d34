package bot

import (
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// steerable is a failover whose fence can be undone, skipped and done harder, and whose promotion has a way by hand.
func steerable(p *pointsman.Plan) {
	p.Policy.Require[0].Count = 1
	fence, promote := &p.Steps[1], &p.Steps[2]
	fence.Undo, fence.SkipBy = true, []string{"dba"}
	fence.UndoByHand = []string{"psql -h pg-1 -d postgres -c 'ALTER DATABASE app ALLOW_CONNECTIONS true'"}
	fence.Ungraceful = &pointsman.Form{With: []byte(`{"mode":"immediate"}`), Summary: "fence pg-1 at once"}
	promote.ByHand = []string{"psql -h pg-2 -d postgres -c 'SELECT pg_promote()'"}
	p.Steps[3].ByHand = []string{"psql -h orders-clients -c 'SELECT pg_is_in_recovery()'"}
}

func (s *tale) steerableRun() *tale {
	s.t.Helper()
	s.alert().after(4*time.Second).switchoverRefused().readyWith(failover(steerable)).after(30*time.Second).vote(ana, pointsman.Approve, "")
	return s.after(time.Second).must(pointsman.StartRun{Run: "INC-7/R1", Epoch: 1, Facts: s.facts(), People: map[string]pointsman.Person{"ana": ana}})
}

func (s *tale) says(who pointsman.Person, verb pointsman.Verb, why string) *tale {
	s.t.Helper()
	return s.after(time.Second).must(pointsman.Steer{Run: "INC-7/R1", Verb: verb, Reason: why, By: by(who)})
}

// losesMore refuses the promotion only because more would be lost than was approved.
func (s *tale) losesMore() *tale {
	s.t.Helper()
	facts := moreLost(s.now)
	return s.after(time.Second).must(pointsman.EndStep{Run: "INC-7/R1", Epoch: 1, Step: 2, State: pointsman.StepRefused, Note: facts[0].Text, Facts: facts})
}

// askedTooLongAgo lets the time of the question end.
func askedTooLongAgo(s *tale) *tale { return s.after(20 * time.Minute) }

func TestAQuestionThatIsOverSaysHowToBeAskedAgain(t *testing.T) {
	t.Parallel()
	s := askedTooLongAgo(begin(t).steerableRun().stepEnds(0, pointsman.StepDone, "").stepEnds(1, pointsman.StepDone, "").losesMore())
	shown := textOf(Card(ViewOf(s.state, s.now)))
	for _, over := range []string{"may accept this", "approve the new plan", `"action_id":"accept"`} {
		if strings.Contains(shown, over) {
			t.Errorf("it still says %s: %s", over, shown)
		}
	}
	if !strings.Contains(shown, "*Retry step…* measures anew and asks again") || !strings.Contains(shown, `"action_id":"retry"`) {
		t.Error(shown)
	}
}

func moreLost(at time.Time) []pointsman.Fact {
	var facts []pointsman.Fact
	for _, f := range []struct{ name, now, was string }{
		{"lost_bytes", "loss <= 425,984 B", "loss <= 213,792 B"}, {"lost_seconds", "loss <= 10 s", "loss <= 4.1 s"},
	} {
		facts = append(facts, pointsman.Fact{
			Guard: "G6", Kind: pointsman.Hard, Name: f.name, Value: f.now, Limit: f.was, Source: "postgres.promote", At: at, Result: pointsman.Fail,
			Text: "approved was " + f.was + ", now it is " + f.now, Clears: "one more approver may accept it while the card asks; retry measures anew", Excess: pointsman.Exceeds(pointsman.Bound{Name: f.name, Max: 425_984, Text: f.now}, f.was),
		})
	}
	return facts
}

func TestCardOfASteeredRun(t *testing.T) {
	t.Parallel()
	fenced := func(s *tale) *tale {
		return s.steerableRun().stepEnds(0, pointsman.StepDone, "").stepEnds(1, pointsman.StepDone, "pg-1 is stopped")
	}
	paused := func(s *tale) *tale {
		return s.steerableRun().stepEnds(0, pointsman.StepDone, "").says(ana, pointsman.VerbPause, "the network team is on it").stepEnds(1, pointsman.StepDone, "pg-1 is stopped")
	}
	for name, told := range map[string]func(*tale) *tale{
		"steer_pausing": func(s *tale) *tale {
			return s.steerableRun().says(ana, pointsman.VerbPause, "the network team is on it")
		},
		"steer_paused": paused,
		"steer_parked": func(s *tale) *tale {
			return s.steerableRun().stepEnds(0, pointsman.StepDone, "").stepEnds(1, pointsman.StepFailed, "the stop hook for pg-1 did not end within 10 s and was killed")
		},
		"steer_asks":               func(s *tale) *tale { return fenced(s).losesMore() },
		"steer_asked_too_long_ago": func(s *tale) *tale { return askedTooLongAgo(fenced(s).losesMore()) },
		"steer_skipped": func(s *tale) *tale {
			s.steerableRun().stepEnds(0, pointsman.StepDone, "").stepEnds(1, pointsman.StepFailed, "the stop hook did not end")
			s.says(ben, pointsman.VerbSkip, "I pulled its plug").must(pointsman.WakeRun{Run: "INC-7/R1", Epoch: 1})
			return s.stepEnds(2, pointsman.StepDone, "timeline 2").stepEnds(3, pointsman.StepDone, "")
		},
		"steer_undoing": func(s *tale) *tale {
			return paused(s).says(ben, pointsman.VerbAbort, "pg-1 was only rebooted").must(pointsman.BeginUndo{Run: "INC-7/R1", Epoch: 2})
		},
		"steer_undone": func(s *tale) *tale {
			paused(s).says(ben, pointsman.VerbAbort, "pg-1 was only rebooted").must(pointsman.BeginUndo{Run: "INC-7/R1", Epoch: 2})
			return s.after(time.Second).must(pointsman.EndUndo{Run: "INC-7/R1", Epoch: 2, Step: 1, State: pointsman.StepUndone, Note: "open again on pg-1: 2 databases"})
		},
		"steer_not_undone": func(s *tale) *tale {
			paused(s).says(ben, pointsman.VerbAbort, "pg-1 was only rebooted").must(pointsman.BeginUndo{Run: "INC-7/R1", Epoch: 2})
			s.after(time.Second).must(pointsman.EndUndo{Run: "INC-7/R1", Epoch: 2, Step: 1, State: pointsman.StepNotUndone, Note: "the stop hook ran for pg-1, which refuses connections; start it by hand"})
			return s.says(ben, pointsman.VerbAbort, "I start it")
		},
		"steer_undo_held": func(s *tale) *tale {
			paused(s).must(pointsman.Protect{Verb: pointsman.Freeze, For: time.Hour, Reason: "the storage is being moved", Roles: []string{"dba"}, By: by(ana)})
			return s.says(ben, pointsman.VerbAbort, "pg-1 was only rebooted").must(pointsman.BeginUndo{Run: "INC-7/R1", Epoch: 2})
		},
		"steer_handed_over": func(s *tale) *tale {
			return fenced(s).stepEnds(2, pointsman.StepUnknown, "pg-2 did not say whether it left recovery").says(ben, pointsman.VerbAbort, "I promote it by hand")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told(begin(t)).drawn(name)
		})
	}
}

func TestAFormSaysWhatWillHappenAndTheRunTakesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	card := w.asked(1)
	card.Click("U0ANA", "Approve")
	w.tell(pointsman.StartRun{Run: "INC-7/R1", Epoch: 1, People: map[string]pointsman.Person{"ana": ana}})
	w.flush()
	card = card.WaitText("is running")
	card.Click("U0EVE", "Stop after this step…")
	w.story.Submit(w.story.WaitView("U0EVE", "Stop after this step", "goes on to its own end"), map[string]string{"reason": "let it be"})
	if r := w.state.Runs[0]; r.Wish.Verb != "" {
		t.Errorf("somebody without a role stopped it: %+v", r.Wish)
	}
	card.Click("U0BEN", "Stop after this step…")
	v := w.story.WaitView("U0BEN", "What will happen")
	w.tell(pointsman.EndStep{Run: "INC-7/R1", Epoch: 1, Step: 0, State: pointsman.StepDone}) // meanwhile it went on
	w.story.Submit(v, map[string]string{"reason": "the network team is on it"})
	w.room.WaitEphemeral("U0BEN", "goes on to its own end")
	w.tell(pointsman.EndStep{Run: "INC-7/R1", Epoch: 1, Step: 1, State: pointsman.StepDone})
	w.flush()
	card = card.WaitText("before step 3 of 4", "the network team is on it")
	card.Click("U0EVE", "Resume…")
	w.story.Submit(w.story.WaitView("U0EVE", "What will happen"), map[string]string{"reason": "go on"})
	if r := w.state.Runs[0]; r.State != pointsman.RunPaused {
		t.Errorf("somebody without a role resumed it: %s", r.State)
	}
	if n := w.count(pointsman.EvRunPaused); n != 1 {
		t.Errorf("paused %d times", n)
	}
	if shown := textOf(Card(ViewOf(w.state, time.Now()))); !strings.Contains(shown, `"action_id":"resume"`) || strings.Contains(shown, `"action_id":"pause"`) {
		t.Error(shown)
	}
}

// The form names the exact figures; what is sent is the question that was on the card, so other figures are not accepted.
func TestGrownFiguresAreAcceptedInAForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	card := w.asked(1)
	card.Click("U0ANA", "Approve")
	w.tell(pointsman.StartRun{Run: "INC-7/R1", Epoch: 1, People: map[string]pointsman.Person{"ana": ana}})
	for i := range 2 {
		w.tell(pointsman.EndStep{Run: "INC-7/R1", Epoch: 1, Step: i, State: pointsman.StepDone})
	}
	w.tell(pointsman.EndStep{Run: "INC-7/R1", Epoch: 1, Step: 2, State: pointsman.StepRefused, Facts: moreLost(time.Now())})
	w.flush()
	card = card.WaitText("One more approver may accept this", "loss &lt;= 425,984 B / 10 s")
	const text = "Accept loss <= 425,984 B / 10 s…"
	card.Click("U0ANA", text) // her approval carries the plan
	w.story.Submit(w.story.WaitView("U0ANA", "Accept these figures"), map[string]string{"reason": "go on"})
	if r := w.state.Runs[0]; len(r.Granted) != 0 {
		t.Fatalf("who approved alone accepted alone: %+v", r.Granted)
	}
	card.Click("U0BEN", text)
	w.story.Submit(w.story.WaitView("U0BEN", "What will happen", "approved was loss &lt;= 213,792 B / 4.1 s"), map[string]string{"reason": "drafts of an hour"})
	if r := w.state.Runs[0]; len(r.Granted) != 1 || r.Granted[0].By.Person.ID != "ben" || r.State != pointsman.RunWaiting {
		t.Fatalf("the run is %s, granted %+v", r.State, r.Granted)
	}
	card.Click("U0BEN", text) // an old card
	w.room.WaitEphemeral("U0BEN", "asks nothing that could be accepted")
}

// A verb that the reducer learns needs a form in which a person gives the reason; else its button would open an empty one.
func TestEachVerbOfARunHasItsForm(t *testing.T) {
	t.Parallel()
	for _, v := range pointsman.Verbs() {
		a, has := asks[string(v)]
		if !has || a.title == "" || len(a.title) > 24 || len(a.submit) > 24 || a.label == "" || a.hint == "" {
			t.Errorf("%s: %+v", v, a)
		}
		cmd, ok := form{Do: string(v)}.command(route{ID: "INC-7/R1", Mark: "3.1"}, "why", by(ana), "once").(pointsman.Steer)
		if !ok || cmd.Verb != v {
			t.Errorf("%s leads to %+v", v, cmd)
		}
	}
}
