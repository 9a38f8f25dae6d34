package pointsman

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
)

func noSilentChange(m move) error {
	if _, memo := m.cmd.(NoteMemo); memo || len(m.events) > 0 || same(m.before, m.after) {
		return nil
	}
	return fmt.Errorf("%T changed the state and said nothing", m.cmd)
}

func decidedStays(m move) error {
	for _, p := range m.before.Proposals {
		now, ok := m.after.Proposal(p.ID)
		switch {
		case !ok:
			return fmt.Errorf("%s is gone", p.ID)
		case (p.State == ProposalDenied || p.State == ProposalWithdrawn) && !same(p, now):
			return fmt.Errorf("%s was %s and changed", p.ID, p.State)
		case p.State == ProposalApproved && now.State != ProposalApproved && !m.has(EvRunVoided):
			return fmt.Errorf("%s was approved and is %s", p.ID, now.State)
		}
	}
	for _, r := range m.before.Runs {
		if now, ok := m.after.Run(r.ID); !ok || r.State.Terminal() && !same(r, now) {
			return fmt.Errorf("%s was %s and changed", r.ID, r.State)
		}
	}
	return nil
}

func nothingAfterTheEnd(m move) error {
	for _, ev := range m.events {
		if ev.Type != EvStepStarted {
			continue
		}
		before, _ := m.before.Run(ev.Run)
		after, _ := m.after.Run(ev.Run)
		if before.State.Terminal() || after.State != RunRunning {
			return fmt.Errorf("%s: step %d began while it was %s", ev.Run, ev.StepN, before.State)
		}
		for i := range row(after, ev) {
			if s := after.Steps[i].State; s != StepDone && s != StepSkipped && after.At(i).N != ev.StepN {
				return fmt.Errorf("%s: step %d began while step %d is %s", ev.Run, ev.StepN, i+1, s)
			}
		}
	}
	return nil
}

func readable(m move) error {
	if m.answer.Code == "" || m.answer.Text == "" && m.cmd != nil {
		return fmt.Errorf("the answer to %T is %+v", m.cmd, m.answer)
	}
	for _, ev := range m.events {
		if _, apart := m.cmd.(Protect); ev.Text == "" || ev.Type == "" || (ev.Incident == "") != apart || !ev.At.Equal(m.now) || ev.Actor.String() == "" {
			return fmt.Errorf("event %+v", ev)
		}
	}
	return nil
}

func resolvedIsQuiet(m move) error {
	inc := m.after.Incident
	if inc.State != IncidentResolved {
		return nil
	}
	if r, open := m.after.OpenRun(); open {
		return fmt.Errorf("%s is %s", r.ID, r.State)
	}
	for _, p := range m.after.Proposals {
		if p.Open() || p.State == ProposalExpired {
			return fmt.Errorf("%s is %s", p.ID, p.State)
		}
	}
	if inc.Firing != 0 || !m.after.Due().IsZero() || inc.Page == PageTriggered || inc.Page == PageAcknowledged {
		return fmt.Errorf("%d firing, due %s, page %q", inc.Firing, m.after.Due(), inc.Page)
	}
	return nil
}

func oneRunPerTarget(m move) error {
	held := map[string]string{}
	for _, l := range m.after.Locks {
		held[l.Target] = l.Run
	}
	for _, r := range m.after.Runs {
		if r.Holds && !r.State.Terminal() {
			if other := held[r.Target.Key()]; other != "" {
				return fmt.Errorf("%s and %s both hold %s", other, r.ID, r.Target.Key())
			}
			held[r.Target.Key()] = r.ID
		}
	}
	return nil
}

func votesMatch(m move) error {
	for _, p := range m.after.Proposals {
		if p.State != ProposalReady && p.State != ProposalApproved {
			continue
		}
		if Digest(p.Plan) != p.Digest {
			return fmt.Errorf("%s: the digest is not the plan's", p.ID)
		}
		var seen []string
		for _, v := range p.Votes {
			if v.Digest != p.Digest || v.Verdict == Approve && slices.Contains(seen, v.Person.ID) {
				return fmt.Errorf("%s: vote of %s for %s", p.ID, v.Person.ID, ShortDigest(v.Digest))
			}
			seen = append(seen, v.Person.ID)
		}
		if p.State == ProposalReady && (p.Policy.Count(p.Approvers()).Met || len(Refusals(p.Facts)) > 0) {
			return fmt.Errorf("%s is ready with %s and %d refusals", p.ID, p.Policy.Count(p.Approvers()), len(Refusals(p.Facts)))
		}
	}
	return nil
}

func runsHaveApproval(m move) error {
	for _, r := range m.after.Runs {
		p, ok := m.after.Proposal(r.Proposal)
		if !r.State.Terminal() && (!ok || p.State != ProposalApproved || p.Run != r.ID || p.Digest != r.Digest) {
			return fmt.Errorf("%s is %s and its proposal %s", r.ID, r.State, p.State)
		}
	}
	return nil
}

func firingCounted(m move) error {
	n := 0
	for _, a := range m.after.Alerts {
		if a.Status == AlertFiring {
			n++
		}
	}
	if m.after.Incident.Firing != n {
		return fmt.Errorf("%d counted, %d fire", m.after.Incident.Firing, n)
	}
	return nil
}

// beginsWhileItBurns: what alerts asked for does not begin after the last of them; what a person asked for does, and an alarm
// asks as an alert does. Counted here, not with the incident's own number.
func beginsWhileItBurns(m move) error {
	for _, ev := range m.events {
		r, _ := m.after.Run(ev.Run)
		p, _ := m.after.Proposal(r.Proposal)
		if ev.Type != EvRunStarted || p.Requester.Known() || m.before.Incident.Alarm != "" {
			continue
		}
		if !slices.ContainsFunc(m.before.Alerts, func(a Alert) bool { return a.Status == AlertFiring }) {
			return fmt.Errorf("%s began, which alerts had asked for, and none fires", r.ID)
		}
	}
	return nil
}

// stored is the state as a store gives it back: every noun as its own JSON document.
func stored(s State) (State, error) {
	out := State{Alerts: s.Alerts, Locks: s.Locks}
	for _, p := range s.Protections {
		var q Protection
		if err := copied(p, &q); err != nil {
			return out, err
		}
		out.Protections = append(out.Protections, q)
	}
	if err := copied(s.Incident, &out.Incident); err != nil {
		return out, err
	}
	for _, p := range s.Proposals {
		var q Proposal
		if err := copied(p, &q); err != nil {
			return out, err
		}
		out.Proposals = append(out.Proposals, q)
	}
	for _, r := range s.Runs {
		var q Run
		if err := copied(r, &q); err != nil {
			return out, err
		}
		out.Runs = append(out.Runs, q)
	}
	return out, nil
}

func copied[T any](from T, to *T) error {
	b, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, to)
}

func same(a, b any) bool { return reflect.DeepEqual(a, b) }
