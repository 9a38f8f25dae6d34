package app

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/store"
)

// away is a store with open incidents whose cards wait, and the watch over Slack of one process.
type away struct {
	*testing.T
	db  *store.Store
	now time.Time
	at  *slackAway
}

func newAway(t *testing.T, incidents int) *away {
	t.Parallel()
	db, err := store.Open(t.Context(), store.Config{Path: ":memory:"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	a := &away{T: t, db: db, now: db.Now()}
	for i := range incidents {
		a.open(fmt.Sprint("api-", i))
	}
	a.restart()
	return a
}

// open opens an incident of a service.
func (a *away) open(service string) {
	a.Helper()
	ana := pointsman.Actor{Person: pointsman.Person{ID: "ana", Name: "Ana Ruiz"}, Door: pointsman.DoorSlack}
	offer := pointsman.Offer{Runbook: "service-restart", Title: "Restart", Target: pointsman.Target{Kind: "service", Name: service}}
	if res, err := a.db.Do(a.Context(), pointsman.Request{Key: offer.Key(), By: ana, Reason: "it hangs", Offer: offer}); err != nil || !res.Answer.OK() {
		a.Fatal(res.Answer, err)
	}
}

func (a *away) restart() {
	a.at = &slackAway{rows: a.db, desk: a.db, now: func() time.Time { return a.now }, after: time.Minute, service: "dba", log: slog.New(slog.DiscardHandler)}
}

// attempt lets Slack answer what is due; the answer gets the delivery's place among them.
func (a *away) attempt(answer func(i int) pointsman.Settlement) {
	a.Helper()
	if _, _, err := a.db.Follow(a.Context(), "slack", "", 1000, func(ev pointsman.Logged) []pointsman.Delivery {
		if ev.Incident == "" {
			return nil
		}
		return []pointsman.Delivery{{Destination: "card", Lane: "slack/" + ev.Incident + "/card", Class: pointsman.Urgent, Newest: true, Payload: []byte(`{}`)}}
	}); err != nil {
		a.Fatal(err)
	}
	due, err := a.db.Claim(a.Context(), "w", 1000)
	if err != nil {
		a.Fatal(err)
	}
	for i, d := range due {
		if err := a.db.Settle(a.Context(), d, answer(i)); err != nil {
			a.Fatal(err)
		}
	}
}

func refuses(int) pointsman.Settlement {
	return pointsman.Settlement{RetryAt: time.Unix(0, 0), Problem: "slack chat.postMessage: not_in_channel"}
}

func takes(int) pointsman.Settlement { return pointsman.Settlement{Sent: true, Ref: "C1/1"} }

func givesUp(int) pointsman.Settlement { return pointsman.Settlement{Parked: true, Problem: "gone"} }

// look looks every five seconds for the given time.
func (a *away) look(d time.Duration, answer func(i int) pointsman.Settlement) {
	a.Helper()
	for end := a.now.Add(d); a.now.Before(end); a.now = a.now.Add(5 * time.Second) {
		a.attempt(answer)
		if err := a.at.look(a.Context()); err != nil {
			a.Fatal(err)
		}
	}
}

// said are the texts of the events of this type.
func (a *away) said(typ pointsman.EventType) (out []string) {
	a.Helper()
	events, err := a.db.Events(a.Context(), "", 0, 10_000)
	if err != nil {
		a.Fatal(err)
	}
	for _, ev := range events {
		if ev.Type == typ {
			out = append(out, ev.Text)
		}
	}
	return out
}

func (a *away) want(when string, typ pointsman.EventType, n int) {
	a.Helper()
	if got := a.said(typ); len(got) != n {
		a.Fatalf("%s: %q, want %d %s", when, got, n, typ)
	}
}

// The bot was removed from the channel at noon, and at night nobody would see the card.
func TestSlackThatTakesNoCardPagesOnceAndIsOverWhenItDoes(t *testing.T) {
	a := newAway(t, 7)
	a.look(50*time.Second, refuses)
	a.want("before its time", pointsman.EvTargetAlarm, 0)
	a.look(10*time.Minute, refuses)
	a.want("an alarm that stands", pointsman.EvPageTriggered, 1)
	alarm := a.said(pointsman.EvTargetAlarm)
	want := "Slack has taken nothing for 1m (slack chat.postMessage: not_in_channel); what it should tell of INC-1, INC-2, INC-3, INC-4, INC-5 and 2 more waits. See `pointsman incidents`, decide with `pointsman approve`"
	if len(alarm) != 1 || alarm[0] != want {
		t.Errorf("the alarm is\n%q, want\n%q", alarm, want)
	}
	a.restart()
	a.look(30*time.Second, refuses)
	a.want("a new process that has not seen it for long", pointsman.EvIncidentResolved, 0)
	a.look(10*time.Second, takes)
	a.want("it takes messages again", pointsman.EvIncidentResolved, 1)
	a.look(10*time.Minute, takes)
	a.want("it takes messages still", pointsman.EvPageTriggered, 1)
	if got := strings.Join(a.said(pointsman.EvIncidentUpdate), "\n"); !strings.Contains(got, "Slack takes messages again") {
		t.Errorf("the updates are %q", got)
	}
}

// In a storm cards wait for minutes for their turns, and Slack is there.
func TestAStormOfCardsIsNotSlackBeingAway(t *testing.T) {
	a := newAway(t, 300)
	a.look(5*time.Minute, func(i int) pointsman.Settlement {
		if i == 200 { // not the oldest
			return takes(i)
		}
		return pointsman.Settlement{RetryAt: time.Unix(0, 0), Problem: "post messages wait for their turn"}
	})
	a.want("one goes through at each look", pointsman.EvTargetAlarm, 0)
}

// The own database was away for five minutes, or the machine slept: nothing could be tried, and that is not Slack's doing.
func TestTimeInWhichNobodyLookedIsNotHeldAgainstSlack(t *testing.T) {
	a := newAway(t, 3)
	a.look(20*time.Second, refuses)
	a.now = a.now.Add(5 * time.Minute)
	a.look(50*time.Second, refuses)
	a.want("its own time is not over yet", pointsman.EvTargetAlarm, 0)
	a.look(time.Minute, refuses)
	a.want("now it is", pointsman.EvTargetAlarm, 1)
}

// Slack is there again and takes one card; the other one waits for its next attempt, and nobody has to be woken for that.
func TestACardThatWaitsForItsNextAttemptIsNotRefused(t *testing.T) {
	a := newAway(t, 2)
	a.at.after = 20 * time.Second
	a.look(30*time.Second, refuses)
	a.want("none goes through", pointsman.EvTargetAlarm, 1)
	a.look(5*time.Second, func(i int) pointsman.Settlement {
		if i == 0 {
			return takes(i)
		}
		return pointsman.Settlement{RetryAt: a.now.Add(40 * time.Second), Problem: "slack chat.postMessage: not_in_channel"}
	})
	a.want("one goes through", pointsman.EvIncidentUpdate, 1)
	a.look(50*time.Second, refuses)
	a.want("the other one was not tried yet, or a moment ago", pointsman.EvTargetAlarm, 1)
	a.look(20*time.Second, refuses)
	a.want("it was, and waits on", pointsman.EvTargetAlarm, 2)
}

// What was given up does not wait any more, and nobody has heard it.
func TestCardsThatWereGivenUpAreNoSignOfSlack(t *testing.T) {
	a := newAway(t, 2)
	a.look(2*time.Minute, refuses)
	a.want("an alarm", pointsman.EvTargetAlarm, 1)
	a.look(time.Minute, givesUp)
	a.restart()
	a.look(time.Minute, givesUp)
	a.want("all is given up", pointsman.EvIncidentResolved, 0)
}

// The process that gave the alarm has ended, and another one sent what waited.
func TestAnAlarmOverSlackIsEndedByWhoeverIsThere(t *testing.T) {
	a := newAway(t, 1)
	a.look(2*time.Minute, refuses)
	a.attempt(takes)
	a.restart()
	a.look(10*time.Second, takes)
	a.want("nothing waits and the last was taken", pointsman.EvIncidentResolved, 1)
}

// A replica stood still while another one gave the alarm and ended. It has seen too little of the silence to give an alarm itself,
// or none of it, and what it knew before is that all is well.
func TestAnAlarmOverSlackIsEndedByWhoeverStoodStill(t *testing.T) {
	for name, wakes := range map[string]func(*away){
		"while the cards still wait": func(a *away) {
			a.look(20*time.Second, refuses)
			a.want("it gives none itself", pointsman.EvTargetAlarm, 1)
			a.look(10*time.Second, takes)
		},
		"and what waited was taken before it looked": func(a *away) { a.look(10*time.Second, takes) },
	} {
		t.Run(name, func(t *testing.T) {
			a := newAway(t, 1)
			a.look(10*time.Second, refuses)
			a.look(10*time.Second, takes)
			still := a.at
			a.restart()
			a.open("web")
			a.look(2*time.Minute, refuses)
			a.want("the other one gave it", pointsman.EvTargetAlarm, 1)
			a.at = still
			wakes(a)
			if got := strings.Join(a.said(pointsman.EvIncidentUpdate), "\n"); !strings.Contains(got, "Slack takes messages again") {
				t.Errorf("nobody said that it is over: %q", got)
			}
			a.want("it is over", pointsman.EvIncidentResolved, 1)
		})
	}
}
