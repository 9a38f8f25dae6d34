package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
)

func webhooks(t *testing.T, s *story) {
	const outages = 1000
	var sent []pointsman.ReceiveAlerts
	for i := range outages {
		name := fmt.Sprintf("db-%d", i)
		hook := s.webhook(name, s.alert("a-"+name), s.alert("b-"+name))
		for range 1 + rand.IntN(5) {
			sent = append(sent, hook)
		}
	}
	rand.Shuffle(len(sent), func(i, j int) { sent[i], sent[j] = sent[j], sent[i] })
	work := make(chan pointsman.ReceiveAlerts, len(sent))
	for _, hook := range sent {
		work <- hook
	}
	close(work)
	atOnce(32, func(int) {
		for hook := range work {
			if res := s.do(hook); !res.Answer.OK() {
				t.Errorf("%s: %+v", hook.Key, res.Answer)
			}
		}
	})
	found := map[string]int{}
	for _, inc := range must(s.Incidents(t.Context(), true, 2*outages))(t) {
		found[inc.Key]++
		if inc.Firing != 2 || inc.Total != 2 {
			t.Errorf("%s has %d of %d alerts firing, want 2 of 2", inc.ID, inc.Firing, inc.Total)
		}
	}
	if len(found) != outages {
		t.Errorf("%d incidents, want %d", len(found), outages)
	}
	for key, n := range found {
		if n != 1 {
			t.Errorf("%s has %d incidents", key, n)
		}
	}
	s.intact()
}

func firstWebhooks(t *testing.T, s *story) {
	const rounds, racers = 20, 8
	for round := range rounds {
		name := fmt.Sprintf("db-%d", round)
		ids := make([]string, racers)
		atOnce(racers, func(i int) {
			ids[i] = s.do(s.webhook(name, s.alert(fmt.Sprintf("fp-%d", i)))).State.Incident.ID
		})
		want := fmt.Sprintf("INC-%d", round+1) // no number is lost either
		for _, id := range ids {
			if id != want {
				t.Fatalf("round %d gave %v, want %s only", round, ids, want)
			}
		}
		if inc := s.state(want).Incident; inc.Firing != racers {
			t.Errorf("%s: %d firing, want %d", want, inc.Firing, racers)
		}
	}
}

func strangers(t *testing.T, s *story) {
	stranger := pointsman.Actor{Door: pointsman.DoorSlack, Ref: "T1/U9"}
	res := s.do(pointsman.Request{Key: "target:postgres/a", Offer: s.webhook("a").Offers[0], By: stranger})
	if res.Answer.Code != pointsman.CodeNotAllowed {
		t.Fatalf("got %+v", res.Answer)
	}
	said := s.events("")
	if len(said) != 1 || said[0].Type != pointsman.EvVoteRefused || said[0].Incident != "" {
		t.Errorf("the refusal must be on record and belong to no incident: %+v", said)
	}
	if id := s.do(s.webhook("b", s.alert("x"))).State.Incident.ID; id != "INC-1" {
		t.Errorf("the first incident is %s", id)
	}
}

func manyAlerts(t *testing.T, s *story) {
	const total, perHook = 10_000, 1000
	for i := range total / perHook {
		var alerts []pointsman.Alert
		for j := range perHook {
			alerts = append(alerts, s.alert(fmt.Sprintf("fp-%d", i*perHook+j)))
		}
		s.do(s.webhook("big", alerts...))
	}
	st := s.state("INC-1")
	if st.Incident.Firing != total || len(st.Alerts) != 200 {
		t.Fatalf("%d firing and %d shown, want %d and 200", st.Incident.Firing, len(st.Alerts), total)
	}
	one := s.alert("fp-4711")
	one.Status, one.EndsAt = pointsman.AlertResolved, s.now.now().Add(time.Minute)
	res := s.do(s.webhook("big", one))
	if len(res.State.Alerts) != 1 || res.State.Incident.Firing != total-1 {
		t.Errorf("%d alerts loaded, %d firing, want 1 and %d", len(res.State.Alerts), res.State.Incident.Firing, total-1)
	}
	if again := s.do(s.webhook("big", one)); again.Answer.Code != pointsman.CodeDuplicate || again.Seq != res.Seq {
		t.Errorf("the same again: %+v at %d, want a duplicate at %d", again.Answer, again.Seq, res.Seq)
	}
}

func reopening(t *testing.T, s *story) {
	fire := func() pointsman.Incident { return s.do(s.webhook("a", s.alert("fp"))).State.Incident }
	resolve := func(started time.Time) {
		a := s.alert("fp")
		a.StartsAt, a.Status, a.EndsAt = started, pointsman.AlertResolved, s.now.now()
		if inc := s.do(s.webhook("a", a)).State.Incident; inc.State != pointsman.IncidentResolved {
			t.Fatalf("%s is %s", inc.ID, inc.State)
		}
	}
	began := s.now.now()
	fire()
	s.now.pass(time.Minute)
	resolve(began)
	s.now.pass(pointsman.ReopenWithin)
	began = s.now.now()
	if inc := fire(); inc.ID != "INC-1" || inc.Reopened != 1 {
		t.Errorf("at the end of the half hour: %s, reopened %d times", inc.ID, inc.Reopened)
	}
	s.now.pass(time.Minute)
	resolve(began)
	s.now.pass(pointsman.ReopenWithin + time.Second)
	if inc := fire(); inc.ID != "INC-2" {
		t.Errorf("after it: %s, want INC-2", inc.ID)
	}
	// The old one may not come back beside its successor.
	res := s.do(pointsman.Request{Incident: "INC-1", Offer: s.webhook("a").Offers[0], By: ana})
	if res.Answer.Code != pointsman.CodeConflict || !strings.Contains(res.Answer.Text, "INC-2") {
		t.Errorf("reopening INC-1 beside INC-2: %+v", res.Answer)
	}
	if got := s.state("INC-1").Incident.State; got != pointsman.IncidentResolved {
		t.Errorf("INC-1 is %s", got)
	}
	if open := must(s.Incidents(t.Context(), true, 10))(t); len(open) != 1 || open[0].ID != "INC-2" {
		t.Errorf("open: %v", open)
	}
	if all := must(s.Incidents(t.Context(), false, 10))(t); len(all) != 2 || all[0].ID != "INC-2" {
		t.Errorf("all, newest first: %v", all)
	}
	if older := must(s.IncidentsBefore(t.Context(), "INC-2", false, 10))(t); len(older) != 1 || older[0].ID != "INC-1" {
		t.Errorf("older than INC-2: %v", older)
	}
	if older := must(s.IncidentsBefore(t.Context(), "INC-2", true, 10))(t); len(older) != 0 {
		t.Errorf("open and older than INC-2: %v", older)
	}
}

func notFound(t *testing.T, s *story) {
	for _, cmd := range []pointsman.Command{
		pointsman.Request{Incident: "INC-9", Offer: s.webhook("a").Offers[0], By: ana},
		pointsman.CastVote{Proposal: "INC-9/P1", By: ana},
		pointsman.Tick{Incident: "INC-9"},
		pointsman.StartRun{Run: "INC-9/R1", Epoch: 1},
	} {
		if res := s.do(cmd); res.Answer.Code != pointsman.CodeNotFound {
			t.Errorf("%T: %+v", cmd, res.Answer)
		}
	}
	if res := s.do(pointsman.Request{By: ana}); res.Answer.Code != pointsman.CodeInvalid {
		t.Errorf("neither incident nor key: %+v", res.Answer)
	}
	_, err := s.State(t.Context(), "INC-9")
	if e, ok := errors.AsType[*pointsman.Error](err); !ok || e.Code != pointsman.CodeNotFound {
		t.Errorf("state of INC-9: %v", err)
	}
	if n := len(s.events("")); n != 0 {
		t.Errorf("%d events were written", n)
	}
}

func due(t *testing.T, s *story) {
	s.do(s.webhook("a", s.alert("fp"))) // tells people every 10 minutes
	at := func() []string { return must(s.DueIncidents(t.Context(), s.now.now(), 10))(t) }
	if got := at(); len(got) != 0 {
		t.Errorf("due at once: %v", got)
	}
	s.now.pass(10 * time.Minute)
	if got := at(); !cmp.Equal(got, []string{"INC-1"}) {
		t.Errorf("due after ten minutes: %v", got)
	}
	s.do(pointsman.Tick{Incident: "INC-1"})
	if got := at(); len(got) != 0 {
		t.Errorf("due after the tick: %v", got)
	}
	quiet := s.webhook("b", s.alert("fp"))
	quiet.Update = 0
	p := s.do(quiet).State.Proposals[0]
	s.do(pointsman.Ready{Proposal: p.ID, Generation: 1, Plan: plan(p, true, 1, pointsman.Requirement{Count: 1, Role: "dba"})})
	s.now.pass(15 * time.Minute)
	if got := at(); !cmp.Equal(got, []string{"INC-1", "INC-2"}) {
		t.Errorf("due when an approval expires: %v", got)
	}
	s.do(pointsman.Tick{Incident: "INC-2"}) // changes the proposal only, and yet nothing may stay due for ever
	if got := at(); !cmp.Equal(got, []string{"INC-1"}) {
		t.Errorf("due after the expiry: %v", got)
	}
}

func hostile(t *testing.T, s *story) {
	long := strings.Repeat("k", 5000)
	a := s.alert("fp\x00\xff")
	a.Labels["evil"] = "\x00\xff\u2028<!channel>"
	hook := s.webhook("a", a)
	hook.Key, hook.Title = "key\x00"+long, "title\x00\xff"
	first, again := s.do(hook), s.do(hook)
	if first.Answer.Code != pointsman.CodeAccepted || again.State.Incident.ID != "INC-1" {
		t.Errorf("first %+v, again %+v", first.Answer, again.Answer)
	}
	if err := s.Note(t.Context(), pointsman.Event{Type: pointsman.EvDoorRefused, Text: "forged \x00\xff", Data: []byte("\"\xff\"")}); err != nil {
		t.Error(err)
	}
	s.intact()
}
