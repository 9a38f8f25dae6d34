package app

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/api"
)

// ordered gives the order beside the test, which plays the engine meanwhile.
func (e engaging) ordered(once string, want int) <-chan pointsman.Answer {
	return beside(func() pointsman.Answer { return e.named(once, want) })
}

func beside(ask func() pointsman.Answer) <-chan pointsman.Answer {
	out := make(chan pointsman.Answer, 1)
	go func() {
		defer close(out)
		out <- ask()
	}()
	return out
}

// carriedOut ends the run's only step so.
func (e engaging) carriedOut(end pointsman.StepState) {
	e.Helper()
	e.said(pointsman.EvRunQueued)
	c, ok, err := e.db.ClaimRun(e.Context(), "test", time.Minute)
	if err != nil || !ok {
		e.Fatalf("no run to claim: %v", err)
	}
	ana, _ := directory{}.ByToken("token-of-ana")
	e.do(pointsman.StartRun{Run: c.Run.ID, Epoch: c.Epoch, People: map[string]pointsman.Person{"ana": ana}})
	e.do(pointsman.EndStep{Run: c.Run.ID, Epoch: c.Epoch, State: end, Note: "as the test says"})
}

// 02:00 two people press, and the second one's proposal finds the switch engaged. 02:05 it is released. 02:10 it is needed
// again: what was found at two must not be the answer.
func TestAnEngageIsNotAnsweredByWhatAnOlderCheckFound(t *testing.T) {
	t.Parallel()
	for name, older := range map[string]struct {
		found pointsman.Ready
		code  pointsman.Code
		want  int
	}{
		"engaged then": {pointsman.Ready{Generation: 1, Already: "holds already, by Ben"}, pointsman.CodeDuplicate, 200},
		"refused then": {pointsman.Ready{Generation: 1, Facts: []pointsman.Fact{{Kind: pointsman.Hard, Result: pointsman.Fail, Text: "nobody has the role"}}}, pointsman.CodeNotAllowed, 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEngaging(t, nil, time.Minute)
			first := e.ordered("1", older.want)
			e.said(pointsman.EvProposalRequested)
			e.found(older.found, risky())
			if ans := <-first; ans.Code != older.code {
				t.Fatalf("%+v", ans)
			}
			second := e.ordered("2", 200)
			e.said(pointsman.EvProposalRecheck)
			e.found(pointsman.Ready{Generation: 2}, risky())
			e.carriedOut(pointsman.StepDone)
			if ans := <-second; ans.Code != pointsman.CodeAccepted || ans.Text != "payouts is engaged and was read back as engaged (INC-1/R1)" {
				t.Errorf("%+v", ans)
			}
		})
	}
}

// heard tells when a command of one kind was taken, also where the store knows it already.
type heard[C pointsman.Command] struct {
	decider
	taken chan struct{}
}

func (h heard[C]) Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	res, err := h.decider.Do(ctx, cmd)
	if _, ok := cmd.(C); ok {
		h.taken <- struct{}{}
	}
	return res, err
}

// A check that was at work when the order came may have read the row before it.
func TestACheckThatBeganBeforeTheOrderIsNotItsAnswer(t *testing.T) {
	t.Parallel()
	e := newEngaging(t, nil, time.Minute)
	e.row.Store(&api.SwitchStatus{Name: "payouts", Engaged: true, Text: "payouts is engaged, read 0s ago"})
	h := heard[pointsman.Request]{e.door.store, make(chan struct{}, 2)}
	e.door.store = h
	first := e.ordered("1", 200)
	<-h.taken
	second := e.ordered("2", 200)
	<-h.taken
	e.found(pointsman.Ready{Generation: 1, Already: "holds already, by Ben"}, risky())
	e.said(pointsman.EvProposalRecheck)
	e.found(pointsman.Ready{Generation: 2}, risky())
	e.carriedOut(pointsman.StepDone)
	<-first // of either check: both began after it
	if ans := <-second; ans.ID != "INC-1/R1" || strings.Contains(ans.Text, "engaged already") {
		t.Errorf("%+v", ans)
	}
}

// refreshed has the checks run again right before the first vote.
type refreshed struct {
	decider
	once *sync.Once
}

func (r refreshed) Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	if vote, ok := cmd.(pointsman.CastVote); ok {
		r.once.Do(func() {
			ben := pointsman.Actor{Person: pointsman.Person{ID: "ben"}, Door: pointsman.DoorSlack}
			_, _ = r.decider.Do(ctx, pointsman.Recheck{Proposal: vote.Proposal, By: ben}) // the vote tells whether they run
		})
	}
	return r.decider.Do(ctx, cmd)
}

// Ben presses Refresh checks on the card between the end of the checks and the vote of Ana's order. Her order stands, whichever
// plan these checks bring, and where they find the switch engaged that is her answer.
func TestAnOrderOutlivesARefreshOfItsChecks(t *testing.T) {
	t.Parallel()
	again := risky()
	again.Expires = time.Hour
	for name, c := range map[string]struct {
		found  pointsman.Ready
		policy pointsman.Policy
		code   pointsman.Code
		text   string
	}{
		"the same plan":   {pointsman.Ready{Generation: 2}, risky(), pointsman.CodeAccepted, "payouts is engaged and was read back as engaged (INC-1/R1)"},
		"another plan":    {pointsman.Ready{Generation: 2}, again, pointsman.CodeAccepted, "payouts is engaged and was read back as engaged (INC-1/R1)"},
		"engaged already": {pointsman.Ready{Generation: 2, Already: "holds, by Ben"}, risky(), pointsman.CodeDuplicate, "payouts is engaged already: holds, by Ben"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEngaging(t, nil, time.Minute)
			e.door.store = refreshed{e.door.store, new(sync.Once)}
			order := e.ordered("1", 200)
			e.said(pointsman.EvProposalRequested)
			e.ready(risky())
			e.said(pointsman.EvVoteRefused)
			e.found(c.found, c.policy)
			if c.code == pointsman.CodeAccepted {
				e.carriedOut(pointsman.StepDone)
			}
			if ans := <-order; ans.Code != c.code || ans.Text != c.text {
				t.Errorf("%+v", ans)
			}
			st, err := e.db.State(t.Context(), "INC-1")
			if p := st.Proposals[0]; err != nil || c.code == pointsman.CodeAccepted && (len(p.Votes) != 1 || p.Votes[0].Digest != p.Digest) {
				t.Errorf("%+v %v", p.Votes, err)
			}
		})
	}
}

// Ana and Ben press at the same time; one vote is enough, and both want to know what became of it.
func TestWhoeverOrdersBesideAnotherHearsOfTheRunToo(t *testing.T) {
	t.Parallel()
	e := newEngaging(t, nil, time.Minute)
	e.row.Store(&api.SwitchStatus{Name: "payouts", Engaged: true, Text: "payouts is engaged, read 0s ago"})
	h := heard[pointsman.Request]{e.door.store, make(chan struct{}, 2)}
	e.door.store = h
	answers := []<-chan pointsman.Answer{e.ordered("1", 200), e.ordered("2", 200)}
	for range answers {
		<-h.taken
	}
	e.ready(risky())
	e.carriedOut(pointsman.StepDone)
	for _, c := range answers {
		if ans := <-c; !strings.Contains(ans.Text, "payouts is engaged") || ans.ID != "INC-1/R1" {
			t.Errorf("%+v", ans)
		}
	}
}

// The answer was lost and the order is given again under its name, as the command line says, or found in the history of the
// shell a week later. What is told is what the row says now, whatever became of the run.
func TestAnOrderGivenAgainIsAnsweredFromTheRow(t *testing.T) {
	t.Parallel()
	engaged := &api.SwitchStatus{Name: "payouts", Engaged: true, Text: "payouts is engaged since ten, read 0s ago"}
	released := &api.SwitchStatus{Name: "payouts", Text: "payouts is released since eleven, read 0s ago"}
	stale := &api.SwitchStatus{Name: "payouts", Engaged: true, Stale: true, Text: "payouts was last read 9m ago and counts as engaged"}
	done := func(e engaging) { e.carriedOut(pointsman.StepDone) }
	for name, c := range map[string]struct {
		end    func(engaging)
		status int // of the first order
		row    *api.SwitchStatus
		again  int
		says   string
	}{
		"done and engaged":      {done, 200, engaged, 200, "payouts is engaged since ten, read 0s ago; INC-1/R1 is done since "},
		"done and released":     {done, 200, released, 409, "payouts is NOT engaged: payouts is released since eleven, read 0s ago; INC-1/R1 is done since "},
		"done and not read":     {done, 200, nil, 409, "payouts is NOT known to be engaged: it cannot be read now: connection refused; INC-1/R1 is done since "},
		"done and stale":        {done, 200, stale, 409, "payouts is NOT known to be engaged: payouts was last read 9m ago and counts as engaged; INC-1/R1 is done since "},
		"parked":                {func(e engaging) { e.carriedOut(pointsman.StepUnknown) }, 409, released, 409, "payouts is NOT engaged: payouts is released since eleven, read 0s ago; INC-1/R1 is parked: "},
		"parked, engaged since": {func(e engaging) { e.carriedOut(pointsman.StepUnknown) }, 409, engaged, 200, "payouts is engaged since ten, read 0s ago; INC-1/R1 is parked: "},
		"aborted": {func(e engaging) {
			e.said(pointsman.EvRunQueued)
			st, err := e.db.State(e.Context(), "INC-1")
			if err != nil {
				e.Fatal(err)
			}
			ben := pointsman.Actor{Person: pointsman.Person{ID: "ben", Roles: []string{"risk"}}, Door: pointsman.DoorHTTP}
			e.do(pointsman.CastVote{Proposal: "INC-1/P1", Digest: st.Proposals[0].Digest, Verdict: pointsman.Deny, Reason: "false alarm", By: ben})
		}, 409, released, 409, "payouts is NOT engaged: payouts is released since eleven, read 0s ago; INC-1/R1 is aborted since "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEngaging(t, nil, time.Minute)
			e.row.Store(c.row)
			first := e.ordered("1", c.status)
			e.said(pointsman.EvProposalRequested)
			e.ready(risky())
			c.end(e)
			if ans := <-first; ans.ID != "INC-1/R1" {
				t.Fatalf("%+v", ans)
			}
			if ans := e.named("1", c.again); !strings.HasPrefix(ans.Text, c.says) || ans.ID != "INC-1/R1" {
				t.Errorf("%q, want %q", ans.Text, c.says)
			}
		})
	}
	t.Run("still at work", func(t *testing.T) {
		t.Parallel()
		e := newEngaging(t, nil, 50*time.Millisecond)
		e.engage(202)
		e.ready(risky())
		e.said(pointsman.EvRunQueued)
		ans := e.engage(202)
		for until := time.Now().Add(time.Minute); ans.ID == "INC-1/P1" && time.Now().Before(until); { // its time was over before it had heard of the vote
			ans = e.engage(202)
		}
		if ans.Code != pointsman.CodeUnderway || ans.Text != "payouts is being engaged as INC-1/R1; it was not read back yet" {
			t.Errorf("%+v", ans)
		}
	})
}

// Nobody waits for the approval of a release of what is released, and nobody believes so of what was engaged again since.
func TestAReleaseIsAnsweredFromALookOfItsOwn(t *testing.T) {
	t.Parallel()
	e := newEngaging(t, nil, time.Minute)
	ana, _ := directory{}.ByToken("token-of-ana")
	release := func() <-chan pointsman.Answer {
		return beside(func() pointsman.Answer {
			ans, err := e.door.Release(t.Context(), "payouts", "payments are right again", pointsman.Actor{Person: ana, Door: pointsman.DoorHTTP}, "")
			if err != nil {
				t.Error(err)
			}
			return ans
		})
	}
	first := release()
	e.said(pointsman.EvProposalRequested)
	e.found(pointsman.Ready{Generation: 1, Already: "released by Ben"}, risky())
	if ans := <-first; ans.Code != pointsman.CodeDuplicate || ans.Text != "payouts is released already: released by Ben" {
		t.Errorf("%+v", ans)
	}
	second := release()
	e.said(pointsman.EvProposalRecheck)
	e.found(pointsman.Ready{Generation: 2}, risky())
	if ans := <-second; ans.Code != pointsman.CodeAccepted || !strings.HasPrefix(ans.Text, "the release of payouts waits for 1 of risk, plan ") {
		t.Errorf("%+v", ans)
	}
}
