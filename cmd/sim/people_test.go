package sim

import (
	"context"
	"strconv"
	"time"

	"github.com/pointsman/pointsman"
)

var offer = pointsman.Offer{Runbook: "switch-track", Title: "Switch the track", Target: yard, Params: map[string]string{"yard": "north"}}

// alertmanager reports one alert that fires, resolves and may fire again. It repeats a message until it is told that
// it was stored, and sometimes after that.
func (w *world) alertmanager(ctx context.Context) {
	firing := false
	for n := 0; ctx.Err() == nil && w.since() < w.storm+10*time.Second; n++ {
		time.Sleep(w.moment(14*time.Second, "alertmanager"))
		firing = !firing && w.since() < w.storm
		alert := pointsman.Alert{Fingerprint: "f1", Labels: map[string]string{"alertname": "TrackBlocked"}, StartsAt: w.start.Add(time.Duration(n/2) * time.Second), Status: pointsman.AlertFiring}
		if !firing {
			alert.Status, alert.EndsAt = pointsman.AlertResolved, time.Now()
		}
		msg := pointsman.ReceiveAlerts{
			Key: "target:yard/north", Title: "Track blocked", Severity: "critical", Target: yard, Alerts: []pointsman.Alert{alert},
			Offers: []pointsman.Offer{offer}, Update: 20 * time.Second, Escalate: pointsman.Escalation{After: 15 * time.Second, Service: "yard"},
		}
		for ctx.Err() == nil {
			lost := w.strikes(20, "webhook lost") || within(w.outages, w.since())
			if res, err := w.give(ctx, msg); err == nil && res.Answer.OK() && !lost {
				w.acknowledge(alert)
				if !w.strikes(20, "webhook again") {
					break
				}
			}
			time.Sleep(w.moment(3*time.Second, "alertmanager again"))
		}
	}
}

// give hands over a command and remembers the state after it.
func (w *world) give(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	res, err := w.store.Do(ctx, cmd)
	if err != nil {
		return res, err
	}
	if res.Answer.Code == "" || res.Answer.Text == "" {
		w.violated("R10: %T is answered %+v", cmd, res.Answer)
	}
	if res.State.Incident.State != "" {
		w.remember(res.State)
	}
	return res, nil
}

func by(p pointsman.Person) pointsman.Actor {
	return pointsman.Actor{Person: p, Door: pointsman.DoorSlack}
}

// people is everybody who decides: who asks, who may approve, who may not, each clicking more than once, on old cards
// as well; an operator who looks after parked runs; somebody who locks and freezes.
func (w *world) people(ctx context.Context) {
	asker := by(rob)
	if w.flaw == flawRequester {
		asker.Person = pointsman.Person{ID: "somebody", Roles: []string{"dba"}}
	}
	asks := w.span(w.storm, "asks")
	for n := 0; ctx.Err() == nil; n++ {
		time.Sleep(w.moment(4*time.Second, "people"))
		if w.since() > asks && w.draw(2, "asks at all") == 0 {
			key := []string{"target:yard/north", "other:yard"}[w.draw(2, "asks where")]
			_, _ = w.give(ctx, pointsman.Request{Key: key, By: asker, Reason: "test", Offer: offer})
			asks = w.storm + w.span(2*w.storm, "asks again")
		}
		for _, st := range w.seen() {
			for _, p := range st.Proposals {
				w.votes(ctx, p, n)
			}
			for _, r := range st.Runs {
				w.steers(ctx, r)
				w.operates(ctx, r)
				w.opens(ctx, r)
				w.accepts(ctx, r)
			}
			switch {
			case w.strikes(2, "closes", st.Incident.ID):
				_, _ = w.give(ctx, pointsman.CloseIncident{Incident: st.Incident.ID, Reason: "enough", By: by(ana)})
			case w.strikes(6, "writes", st.Incident.ID):
				_, _ = w.give(ctx, pointsman.WriteUpdate{Incident: st.Incident.ID, Text: "we are on it", By: by(ben)})
			}
		}
		w.holds(ctx)
		w.sees(ctx)
	}
}

func (w *world) votes(ctx context.Context, p pointsman.Proposal, n int) {
	if !p.Open() && !w.strikes(4, "clicks late", p.ID) || w.since() > w.storm {
		return
	}
	for _, who := range []pointsman.Person{rob, ana, ben, eve} {
		if w.draw(4, who.ID, "clicks", p.ID) > 0 {
			continue
		}
		vote := pointsman.CastVote{Proposal: p.ID, Digest: p.Digest, Verdict: pointsman.Approve, By: by(who)}
		if w.strikes(4, who.ID, "denies", p.ID) {
			vote.Verdict = pointsman.Deny
		}
		if w.strikes(50, who.ID, "once", p.ID) {
			vote.Once = who.ID + p.ID + strconv.Itoa(n)
		}
		if w.strikes(5, who.ID, "old card", p.ID) {
			vote.Digest = "0123456789ab"
		}
		first, err := w.give(ctx, vote)
		if err == nil && w.strikes(30, who.ID, "twice", p.ID) {
			again, _ := w.give(ctx, vote)
			if code := again.Answer.Code; code == pointsman.CodeCounted && first.Answer.OK() {
				w.violated("R10: a click of %s on %s counted twice", who.ID, p.ID)
			}
		}
	}
	again := p.State == pointsman.ProposalRefused || p.State == pointsman.ProposalExpired
	if again && w.strikes(30, "recheck", p.ID) || p.State == pointsman.ProposalReady && w.strikes(5, "refresh", p.ID) {
		_, _ = w.give(ctx, pointsman.Recheck{Proposal: p.ID, By: by(ana)})
	}
}

func (w *world) steers(ctx context.Context, r pointsman.Run) {
	if r.State.Terminal() || w.since() > w.storm {
		return
	}
	verbs := []pointsman.Verb{pointsman.VerbRetry, pointsman.VerbRetry, pointsman.VerbAbort, pointsman.VerbDone}
	if r.State == pointsman.RunParked && w.draw(2, "steer", r.ID) == 0 || w.strikes(5, "meddles", r.ID) {
		_, _ = w.give(ctx, pointsman.Steer{Run: r.ID, Verb: verbs[w.draw(len(verbs), "verb", r.ID)], Reason: "as seen", By: by(ben)})
	}
}

// opens is everybody at a gate, now and then with the card of an earlier attempt.
func (w *world) opens(ctx context.Context, r pointsman.Run) {
	if _, at := r.AtGate(); !at {
		return
	}
	for _, who := range []pointsman.Person{rob, ana, ben, eve} {
		vote := pointsman.CastVote{Run: r.ID, Mark: r.Mark(), Digest: r.Digest, Verdict: pointsman.Approve, By: by(who), People: crew}
		if w.draw(20, who.ID, "denies the gate") == 0 {
			vote.Verdict = pointsman.Deny
		}
		if w.draw(4, who.ID, "old card of the gate") == 0 {
			vote.Mark = "3.9"
		}
		if w.draw(2, who.ID, "at the gate") == 0 {
			_, _ = w.give(ctx, vote)
		}
	}
}

func (w *world) holds(ctx context.Context) {
	for _, verb := range []pointsman.Protective{pointsman.Lockout, pointsman.Unlock, pointsman.Freeze, pointsman.Unfreeze} {
		if !w.strikes(2, "protects", string(verb)) {
			continue
		}
		cmd := pointsman.Protect{Verb: verb, For: w.span(12*time.Second, "held") + time.Second, Reason: "works", Roles: []string{"dba"}, By: by(ana)}
		if verb == pointsman.Lockout || verb == pointsman.Unlock {
			cmd.Target = yard
		}
		_, _ = w.give(ctx, cmd)
	}
}
