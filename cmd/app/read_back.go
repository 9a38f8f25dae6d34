package app

import (
	"context"
	"fmt"
	"slices"

	"github.com/pointsman/pointsman"
)

// await waits a moment for the run's end, so that the answer is what was read back, not what was hoped for. What a run did
// that somebody else's vote or an earlier order began says nothing about now: then the row is read.
func (s *switches) await(ctx context.Context, v voted, name string) pointsman.Answer {
	for {
		changed := s.store.Changed()
		st, err := s.store.State(ctx, pointsman.IncidentOf(v.run))
		if r, ok := st.Run(v.run); err == nil && ok && stands(r.State) {
			switch {
			case !v.own, r.State == pointsman.RunDone && !seenDone(r):
				return s.asRead(ctx, r, name)
			case r.State == pointsman.RunDone:
				return pointsman.Answer{Code: pointsman.CodeAccepted, ID: r.ID, Text: fmt.Sprintf("%s is engaged and was read back as engaged (%s)", name, r.ID)}
			}
			return pointsman.Answer{Code: pointsman.CodeConflict, ID: r.ID, Text: fmt.Sprintf("%s is NOT known to be engaged: %s", name, outcome(r))}
		}
		select {
		case <-ctx.Done():
			return beingEngaged(name, v.run)
		case <-changed:
		}
	}
}

// stands reports whether the run does not go on by itself.
func stands(state pointsman.RunState) bool {
	return state.Terminal() || state == pointsman.RunParked || state == pointsman.RunPaused
}

// seenDone reports whether each step was seen to hold: one that was skipped, or counts as done on a person's word, was not.
func seenDone(r pointsman.Run) bool {
	return !slices.ContainsFunc(r.Steps, func(s pointsman.RunStep) bool { return s.State != pointsman.StepDone || s.MarkedBy != "" })
}

// asRead answers from the row as it is now.
func (s *switches) asRead(ctx context.Context, r pointsman.Run, name string) pointsman.Answer {
	ans := pointsman.Answer{Code: pointsman.CodeConflict, ID: r.ID}
	now, err := s.look(ctx, name)
	switch {
	case err != nil:
		ans.Text = fmt.Sprintf("%s is NOT known to be engaged: it cannot be read now: %v; %s", name, err, outcome(r))
	case now.Stale:
		ans.Text = fmt.Sprintf("%s is NOT known to be engaged: %s; %s", name, now.Text, outcome(r))
	case !now.Engaged:
		ans.Text = fmt.Sprintf("%s is NOT engaged: %s; %s. Give the order again, under another name", name, now.Text, outcome(r))
	default:
		ans.Code, ans.Text = pointsman.CodeDuplicate, now.Text+"; "+outcome(r)
	}
	return ans
}

// outcome says what became of the run, and when.
func outcome(r pointsman.Run) string {
	text := r.ID + " is " + string(r.State)
	if !r.EndedAt.IsZero() {
		text += " since " + pointsman.Moment(r.EndedAt)
	}
	if r.Note != "" {
		text += ": " + r.Note
	}
	return text
}
