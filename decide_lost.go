package pointsman

import "fmt"

// loseEnd is for an incident of which the record may be older than the world. What ran may have gone further than the
// record says, or may be over; nothing of it is begun again until a person has looked, and no vote that was cast before
// counts for what happens after.
func (t *turn) loseEnd(c LoseEnd) Answer {
	if t.state.Incident.State != IncidentOpen {
		return answer(CodeDecided, "%s is %s", t.state.Incident.ID, t.state.Incident.State)
	}
	for i := range t.state.Runs {
		r := &t.state.Runs[i]
		switch r.State {
		case RunQueued:
			t.moveRun(r, EvRunAborted)
			r.EndedAt, r.Note = t.now, c.Text
			t.say(EvRunAborted, engine, fmt.Sprintf("%s is not begun: %s", r.ID, c.Text), aboutRun(r), reason(c.Text))
		case RunRunning, RunWaiting:
			for at := r.Current(); at < len(r.Steps); at++ {
				// Also the steps after it: a person's word on one of them must not begin the next one blindly.
				if s := r.Steps[at].State; s != StepPending && s != StepStarted {
					continue
				}
				t.moveStep(r, at, EvStepUnknown)
				t.say(EvStepUnknown, engine, fmt.Sprintf("step %d of %d, %s: whether it was done is not on record", at+1, len(r.Steps), r.Steps[at].Name), atStep(r, at))
			}
			t.moveRun(r, EvRunParked)
			r.Note = c.Text
			t.say(EvRunParked, engine, fmt.Sprintf("%s is parked and needs a person: %s", r.ID, c.Text), aboutRun(r), reason(c.Text))
		}
	}
	for i := range t.state.Proposals {
		if p := &t.state.Proposals[i]; p.State == ProposalReady {
			p.Votes = nil
			t.again(p, engine, fmt.Sprintf("%s is checked again and its votes are gone: %s", p.ID, c.Text))
		}
	}
	t.page(engine, fmt.Sprintf("%s needs a person: %s", t.state.Incident.ID, c.Text))
	return Answer{Code: CodeAccepted, Text: c.Text, ID: t.state.Incident.ID}
}
