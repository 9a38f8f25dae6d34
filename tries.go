package pointsman

import (
	"fmt"
	"strings"
	"time"
)

// Tries are attempts in a row of which provably nothing was sent to the target. They are made again by the engine itself,
// a few times and after growing waits; together they have the time of one attempt.
type Tries struct {
	First int       `json:"first"`          // the attempt with which the row began
	Last  int       `json:"last"`           // the newest one of which nothing was sent
	Since time.Time `json:"since,omitzero"` // when the first began
	Note  string    `json:"note"`           // why nothing was sent, and when the next one comes
}

// Unsent reports whether nothing was sent in the attempt at work, or the last one that was.
func (s RunStep) Unsent() bool { return s.Tries.Last > 0 && s.Tries.Last == s.Attempt }

// InVain is how many attempts right before the one at work sent nothing.
func (s RunStep) InVain() int {
	if s.Tries.Last == 0 || s.Tries.Last != s.Attempt-1 {
		return 0
	}
	return s.Tries.Last - s.Tries.First + 1
}

// Trying tells of the attempts that sent nothing while the step is at work; empty where there were none.
func (s RunStep) Trying() string {
	if s.State != StepStarted || !s.Unsent() && s.InVain() == 0 {
		return ""
	}
	said, next, _ := strings.Cut(s.Tries.Note, nextTry)
	if s.Unsent() {
		said += nextTry + next
	}
	return said
}

// nextTry joins why nothing was sent and when the next attempt comes; while that is at work the end is left out.
const nextTry = "; the next one comes in "

// Began is when the step's time began to count.
func (s RunStep) Began() time.Time {
	if s.Unsent() || s.InVain() > 0 {
		return s.Tries.Since
	}
	return s.StartedAt
}

// sentNothing notes that nothing was sent in the attempt at work, and returns how many of the row that makes.
func (s *RunStep) sentNothing() int {
	n := s.InVain() + 1
	if n == 1 {
		s.Tries = Tries{First: s.Attempt, Since: s.StartedAt}
	}
	s.Tries.Last = s.Attempt
	return n
}

// TellUnsent says that nothing was sent in an attempt and that another one follows.
type TellUnsent struct {
	Run     string
	Epoch   int64
	Step    int
	Attempt int // the same request twice tells it once
	Why     string
	Wait    time.Duration // until the next attempt
	Of      int           // how many attempts there are at most
}

// Subject implements Command.
func (c TellUnsent) Subject() Subject { return fenced(c.Run, c.Epoch) }

func (t *turn) tellUnsent(c TellUnsent) Answer {
	r, ans, ok := t.owned(c.Run, c.Epoch)
	if !ok {
		return ans
	}
	if ans, ok := t.current(r, c.Step); !ok {
		return ans
	}
	s := &r.Steps[c.Step]
	if s.State != StepStarted || s.Attempt != c.Attempt || s.Unsent() {
		return answer(CodeConflict, "step %s of %s is %s in attempt %d", r.At(c.Step), r.ID, s.State, s.Attempt)
	}
	n := s.sentNothing()
	s.Tries.Note = fmt.Sprintf("nothing was sent in attempt %d (%d of %d): %s%s%s", s.Attempt, n, c.Of, strings.ReplaceAll(c.Why, nextTry, "; "), nextTry, Span(c.Wait))
	t.say(EvStepUnsent, engine, fmt.Sprintf("%s, %s: %s", r.Nth(c.Step), s.Name, s.Tries.Note), atStep(r, c.Step), reason(c.Why))
	return Answer{Code: CodeAccepted, Text: s.Tries.Note, ID: r.ID}
}
