package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/killswitch"
	"github.com/pointsman/pointsman/cmd/api"
	"github.com/pointsman/pointsman/store"
)

func (directory) offer(runbook string, _ []string) (pointsman.Offer, error) {
	return pointsman.Offer{Runbook: runbook, Title: "Engage a kill switch", Target: pointsman.Target{Kind: "killswitch", Name: "payouts"}}, nil
}

// engaging is a door with one kill switch, whose check comes back when ready is called.
type engaging struct {
	*testing.T
	db   *store.Store
	url  string
	door *switches
	row  *atomic.Pointer[api.SwitchStatus] // as it is now; nil where it cannot be read
}

// risky is the policy of the shipped runbook.
func risky() pointsman.Policy {
	return pointsman.Policy{Require: []pointsman.Requirement{{Count: 1, Role: "risk"}}, RequesterMayApprove: true, Expires: 15 * time.Minute}
}

// newEngaging makes it; now is the policy of the configuration in force, nil where the runbook is not in it.
func newEngaging(t *testing.T, now *pointsman.Policy, wait time.Duration) engaging {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{Path: ":memory:"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	row := &atomic.Pointer[api.SwitchStatus]{}
	order := &switches{
		look: func(context.Context, string) (api.SwitchStatus, error) {
			if now := row.Load(); now != nil {
				return *now, nil
			}
			return api.SwitchStatus{}, errors.New("connection refused")
		},
		store: db, bound: db, offer: directory{}.offer, log: slog.New(slog.DiscardHandler), wait: wait,
		runbook: func(name string) (pointsman.Runbook, bool) {
			if now == nil {
				return pointsman.Runbook{}, false
			}
			return pointsman.Runbook{Name: name, Approval: *now}, true
		},
		status: func() []api.SwitchStatus { return []api.SwitchStatus{{Name: "payouts"}} },
	}
	e := echo.New()
	(&api.Server{Store: db, People: directory{}, Switches: order, Names: db}).Register(e)
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	return engaging{t, db, srv.URL, order, row}
}

func (e engaging) engage(want int) pointsman.Answer {
	e.Helper()
	return e.named("1", want)
}

// named gives the order under a name of its own.
func (e engaging) named(once string, want int) pointsman.Answer {
	e.Helper()
	req, err := http.NewRequestWithContext(e.Context(), http.MethodPost, e.url+"/api/v1/kill-switches/payouts/engage", strings.NewReader(`{"reason":"payments are doubled"}`))
	if err != nil {
		e.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer token-of-ana"}, "Content-Type": {"application/json"}, "Idempotency-Key": {once}}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		e.Fatal(err)
	}
	defer resp.Body.Close()
	var ans pointsman.Answer
	if err := json.NewDecoder(resp.Body).Decode(&ans); err != nil || resp.StatusCode != want {
		e.Fatalf("%s: %v %+v, want %d", resp.Status, err, ans, want)
	}
	return ans
}

// ready is the end of the check: the plan with its policy.
func (e engaging) ready(policy pointsman.Policy) {
	e.Helper()
	e.found(pointsman.Ready{Generation: 1}, policy)
}

// found is the end of a check with what it found.
func (e engaging) found(c pointsman.Ready, policy pointsman.Policy) {
	e.Helper()
	raw, err := pointsman.Plan{
		Version: 1, Runbook: killswitch.EngageRunbook, Title: "Engage a kill switch", Incident: "INC-1", Target: pointsman.Target{Kind: "killswitch", Name: "payouts"},
		Policy: policy, Steps: []pointsman.PlanStep{{Name: "engage", Kind: "killswitch.engage", Timeout: time.Second, Summary: "engage payouts"}},
	}.Encode()
	if err != nil {
		e.Fatal(err)
	}
	c.Proposal, c.Plan = "INC-1/P1", raw
	e.do(c)
}

func (e engaging) do(cmd pointsman.Command) pointsman.State {
	e.Helper()
	res, err := e.db.Do(e.Context(), cmd)
	if err != nil || !res.Answer.OK() {
		e.Fatalf("%T: %+v %v", cmd, res.Answer, err)
	}
	return res.State
}

// said waits until the log holds an event of the type, and returns its text.
func (e engaging) said(typ pointsman.EventType) string {
	e.Helper()
	deadline := time.After(time.Minute)
	for {
		changed := e.db.Changed()
		events, err := e.db.Events(e.Context(), "INC-1", 0, 1000)
		if err != nil {
			e.Fatal(err)
		}
		for _, ev := range events {
			if ev.Type == typ {
				return ev.Text
			}
		}
		select {
		case <-changed:
		case <-deadline:
			e.Fatalf("there is no %s: %+v", typ, events)
		}
	}
}

// The database of the switches hangs just when somebody wants to stop something. They give the order once; the check
// comes back long after they were answered, and the order counts. Nobody reads meanwhile that it is done.
func TestAnEngageIsOneDecisionEvenWhenItsCheckHangs(t *testing.T) {
	t.Parallel()
	for name, now := range map[string]*pointsman.Policy{"who may is known": new(risky()), "who may is not known": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEngaging(t, now, 50*time.Millisecond)
			for range 2 { // the second time as whoever is not sure that it was heard; the requests are over when the check returns
				ans := e.engage(http.StatusAccepted)
				if ans.Code != pointsman.CodeUnderway || ans.Text != "payouts is being engaged as INC-1/P1; it was not read back yet" {
					t.Fatalf("%+v", ans)
				}
			}
			e.ready(risky())
			e.said(pointsman.EvRunQueued)
			if st, err := e.db.State(t.Context(), "INC-1"); err != nil || len(st.Runs) != 1 || len(st.Proposals[0].Approvers()) != 1 {
				t.Fatalf("the order was not carried out once: %v %+v", err, st)
			}
		})
	}
}

// Whoever may not engage must not go away believing that trading stops, also while the check hangs.
func TestAnEngageByWhoMayNotIsRefusedBeforeItsCheckComesBack(t *testing.T) {
	t.Parallel()
	policy := risky()
	policy.Require[0].Role = "board"
	e := newEngaging(t, &policy, time.Hour)
	want := "ana has none of the roles that decide here; it needs 1 of board; INC-1/P1 is open for whoever may approve it"
	if ans := e.engage(http.StatusForbidden); ans.Text != want || ans.ID != "INC-1/P1" {
		t.Fatalf("%+v, want %q", ans, want)
	}
	e.ready(policy)
	if text := e.said(pointsman.EvVoteRefused); !strings.Contains(text, "has none of the roles") {
		t.Errorf("on record is %q", text)
	}
}

// The requester rule is that of the vote: where somebody else asked already, whoever may not approve his own wish may
// approve theirs.
func TestAnEngageThatSomebodyElseAskedForIsNotRefusedBeforehand(t *testing.T) {
	t.Parallel()
	policy := risky()
	policy.RequesterMayApprove = false
	e := newEngaging(t, &policy, 50*time.Millisecond)
	offer, err := directory{}.offer(killswitch.EngageRunbook, nil)
	if err != nil {
		t.Fatal(err)
	}
	ben := pointsman.Actor{Person: pointsman.Person{ID: "ben"}, Door: pointsman.DoorHTTP}
	if _, err := e.db.Do(t.Context(), pointsman.Request{Key: offer.Key(), Offer: offer, By: ben}); err != nil {
		t.Fatal(err)
	}
	e.engage(http.StatusAccepted)
	e.ready(policy)
	e.said(pointsman.EvRunQueued)
}

// The policy changes between the order and the end of its check, by a reload. Whoever was told "is being engaged" and
// everybody who waits for it must hear that it is not.
func TestAVoteThatDoesNotDecideAfterTheAnswerIsTold(t *testing.T) {
	t.Parallel()
	two, board := risky(), risky()
	two.Require[0].Count = 2
	board.Require[0].Role = "board"
	for name, c := range map[string]struct {
		plan pointsman.Policy
		why  string
	}{
		"refused":    {board, "ana has none of the roles that decide here; it needs 1 of board"},
		"not enough": {two, "your approval of INC-1/P1 counts: 1 of 2, it needs 2 of risk"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEngaging(t, new(risky()), 50*time.Millisecond)
			e.engage(http.StatusAccepted)
			e.ready(c.plan)
			want := "payouts is NOT known to be engaged: ana ordered it, and the approval did not decide: " + c.why + ". See INC-1/P1 on its card"
			if text := e.said(pointsman.EvIncidentUpdate); !strings.HasSuffix(text, want) {
				t.Errorf("told was %q, want %q", text, want)
			}
		})
	}
}

// Two people order while the checks hang, both are told "is being engaged", and neither one's vote counts: each must hear of it.
func TestEachOrderThatDoesNotDecideIsTold(t *testing.T) {
	t.Parallel()
	board := risky()
	board.Require[0].Role = "board"
	e := newEngaging(t, new(risky()), 50*time.Millisecond)
	e.named("1", http.StatusAccepted)
	e.named("2", http.StatusAccepted)
	e.ready(board)
	for deadline := time.After(time.Minute); ; {
		changed := e.db.Changed()
		told := e.notKnown()
		if told == 2 {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%d of two orders were told of", told)
		}
	}
}

// notKnown is how often the incident was told that the switch is not known to be engaged.
func (e engaging) notKnown() (told int) {
	e.Helper()
	events, err := e.db.Events(e.Context(), "INC-1", 0, 1000)
	if err != nil {
		e.Fatal(err)
	}
	for _, ev := range events {
		if ev.Type == pointsman.EvIncidentUpdate && strings.Contains(ev.Text, "payouts is NOT known to be engaged") {
			told++
		}
	}
	return told
}

// The answer was lost, and the order is given again under its name: it is one order, and everybody reads once that it did not decide.
func TestAnOrderGivenAgainUnderItsNameIsToldOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		orders []string
		want   int
	}{
		"the first":                 {[]string{"1", "1"}, 1},
		"the second of two":         {[]string{"1", "2", "2"}, 2},
		"the first beside a second": {[]string{"1", "2", "1"}, 2},
		"one that has no name":      {[]string{"", "2", "2"}, 2},
		"a second that has no name": {[]string{"1", "", "1"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			board := risky()
			board.Require[0].Role = "board"
			e := newEngaging(t, new(risky()), 50*time.Millisecond)
			d := heard[pointsman.WriteUpdate]{e.door.store, make(chan struct{}, len(c.orders))}
			e.door.store = d
			for _, once := range c.orders {
				e.named(once, http.StatusAccepted)
			}
			e.ready(board)
			deadline := time.After(time.Minute)
			for range c.orders {
				select {
				case <-d.taken:
				case <-deadline:
					t.Fatal("not every order is followed up")
				}
			}
			if told := e.notKnown(); told != c.want {
				t.Errorf("told %d times, want %d", told, c.want)
			}
		})
	}
}
