package pointsman

import "fmt"

// frozen and locked are read from the state by their own small rules, not by the reducer's.
func (m move) restrained(s State, key string) bool {
	for _, p := range s.Protections {
		if p.Target == key && !p.Hold.Since.IsZero() && (p.Hold.Until.IsZero() || p.Hold.Until.After(m.now)) {
			return true
		}
	}
	return false
}

// locksExclude: while a person holds the target no run is queued on it and none begins a step, and a person gets the lock
// only while no run holds it.
func locksExclude(m move) error {
	for _, ev := range m.events {
		switch ev.Type {
		case EvRunQueued, EvRunStarted, EvStepStarted:
			if m.restrained(m.after, ev.Target) {
				return fmt.Errorf("%s of %s while a person holds %s", ev.Type, ev.Run, ev.Target)
			}
		case EvTargetLocked:
			for _, r := range m.after.Runs {
				if r.Holds && !r.State.Terminal() && r.Target.Key() == ev.Target {
					return fmt.Errorf("%s is locked by %s while %s holds it", ev.Target, ev.Actor, r.ID)
				}
			}
		}
	}
	return nil
}

// nothingWhileFrozen: between freeze.on and freeze.off there is no intent of a run that is not exempt.
func nothingWhileFrozen(m move) error {
	if !m.restrained(m.before, Everything) {
		return nil
	}
	for _, ev := range m.events {
		r, _ := m.after.Run(ev.Run)
		if plan, err := DecodePlan(r.Plan); err == nil && plan.Exempt {
			continue
		}
		if ev.Type == EvStepStarted || ev.Type == EvRunStarted || ev.Type == EvRunQueued {
			return fmt.Errorf("%s of %s", ev.Type, ev.Run)
		}
	}
	return nil
}

// alarmsHeeded: an alarm on the target keeps every run there from beginning anything, until a person's word to that run.
func alarmsHeeded(m move) error {
	for _, ev := range m.events {
		r, _ := m.after.Run(ev.Run)
		begins := ev.Type == EvRunStarted || ev.Type == EvStepStarted || ev.Type == EvStepUndoing
		if n := (Held{Protections: m.after.Protections}).Of(ev.Target).Alarm.N; begins && !r.Exempt && r.Alarms != n {
			return fmt.Errorf("%s of %s after alarm %d, of %d that somebody knew of", ev.Type, ev.Run, n, r.Alarms)
		}
	}
	for _, r := range m.after.Runs {
		was, queued := m.before.Run(r.ID)
		c, word := m.cmd.(Steer)
		word = word && c.Run == r.ID && (c.Verb == VerbRetry || c.Verb == VerbAccept || c.Verb == VerbResume) && m.answer.Code == CodeAccepted
		if queued && r.Alarms != was.Alarms && !word {
			return fmt.Errorf("%T let %s go on beside alarm %d", m.cmd, r.ID, r.Alarms)
		}
	}
	for _, p := range m.before.Protections {
		now := (Held{Protections: m.after.Protections}).Of(p.Target).Alarm
		if c, report := m.cmd.(Report); now.N < p.Alarm.N || now.N > p.Alarm.N && (!report || c.What != SeenAlarm || !m.has(EvTargetAlarm)) {
			return fmt.Errorf("%T made alarm %d of %s number %d", m.cmd, p.Alarm.N, p.Target, now.N)
		}
	}
	return nil
}

func tokensRise(m move) error {
	for _, p := range m.after.Protections {
		was := Held{Protections: m.before.Protections}.Of(p.Target)
		locked := 0
		for _, ev := range m.events {
			r, _ := m.after.Run(ev.Run)
			if ev.Target == p.Target && (ev.Type == EvTargetLocked || ev.Type == EvFreezeOn || ev.Type == EvRunQueued && r.Holds) {
				locked++
			}
		}
		if _, lost := m.cmd.(LoseEnd); lost && p.Token >= was.Token {
			continue
		}
		if p.Token != was.Token+int64(locked) {
			return fmt.Errorf("the token of %q went from %d to %d in %d lock(s)", p.Target, was.Token, p.Token, locked)
		}
	}
	for _, r := range m.after.Runs {
		if r.Holds && !r.State.Terminal() && r.Token != (Held{Protections: m.after.Protections}).Of(r.Target.Key()).Token {
			return fmt.Errorf("%s is open under token %d, which is not its target's", r.ID, r.Token)
		}
	}
	return nil
}
