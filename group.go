package pointsman

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Group names steps that are at work at the same time: members of one position in the sequence, each a step of its own
// with its own check, intent, outcome and evidence. The zero Group is none.
type Group struct {
	Name string `json:"name"`
	// Timeout is how long after the group's beginning its members may be at work; zero for as long as their own
	// timeouts allow.
	Timeout time.Duration `json:"timeout,omitempty"`
}

// AtOnce is how many members of a group are at work at the same time; a further one begins when one of them is done.
const AtOnce = 4

// Place is where a step stands in the sequence: the position, and for a member of a group which of its members it is.
type Place struct {
	N      int // from 1
	Member int // from 1; zero for a step that stands alone
}

// String is the number that people read: "3", or "3.1" for the first member of the group at position 3.
func (p Place) String() string {
	if p.Member == 0 {
		return itoa(p.N)
	}
	return itoa(p.N) + "." + itoa(p.Member)
}

// InGroup is the group that the step is a member of.
func (s RunbookStep) InGroup() Group { return s.Group }

// InGroup is the group that the step is a member of.
func (s PlanStep) InGroup() Group { return s.Group }

// InGroup is the group that the step is a member of.
func (s RunStep) InGroup() Group { return s.Group }

// Places numbers steps. Members of a group stand beside each other in the list and share its position.
func Places[S interface{ InGroup() Group }](steps []S) []Place {
	out := make([]Place, len(steps))
	var last Place
	var group string
	for i, s := range steps {
		switch s.InGroup().Name {
		case "":
			last = Place{N: last.N + 1}
		case group:
			last.Member++
		default:
			last = Place{N: last.N + 1, Member: 1}
		}
		group, out[i] = s.InGroup().Name, last
	}
	return out
}

// Positions is how long the sequence is: a group counts once.
func Positions[S interface{ InGroup() Group }](steps []S) int {
	n := 0
	for i := range steps {
		if name := steps[i].InGroup().Name; name == "" || i == 0 || name != steps[i-1].InGroup().Name {
			n++
		}
	}
	return n
}

// Members are the indexes of the steps at the position of step i, from the first to before the last: those of its group,
// or only itself.
func (r Run) Members(i int) (from, to int) {
	from, to = i, i+1
	if i < 0 || i >= len(r.Steps) || r.Steps[i].Group.Name == "" {
		return from, to
	}
	name := r.Steps[i].Group.Name
	for from > 0 && r.Steps[from-1].Group.Name == name {
		from--
	}
	for to < len(r.Steps) && r.Steps[to].Group.Name == name {
		to++
	}
	return from, to
}

// over reports whether nothing of the step is left to be done.
func (s RunStep) over() bool { return s.State == StepDone || s.State == StepSkipped }

// open reports whether the outcome of an attempt that began is still to come. An unknown one that has ended waits for a
// person; one whose owner stopped waits to be observed.
func (s RunStep) open() bool {
	return s.State == StepStarted || s.State == StepUnknown && s.EndedAt.IsZero()
}

// AtWork are the indexes of the steps that an owner of the running run has to carry out or observe: the current one, or
// the members of its group that have begun and not ended.
func (r Run) AtWork() []int {
	i := r.Current()
	if r.State != RunRunning || i >= len(r.Steps) {
		return nil
	}
	if r.Steps[i].Group.Name == "" {
		return []int{i}
	}
	var out []int
	for from, to := r.Members(i); from < to; from++ {
		if r.Steps[from].open() {
			out = append(out, from)
		}
	}
	return out
}

// remaining are the indexes of the steps at the position of step i that are not over.
func (r Run) remaining(i int) []int {
	var out []int
	for from, to := r.Members(i); from < to && from < len(r.Steps); from++ {
		if !r.Steps[from].over() {
			out = append(out, from)
		}
	}
	return out
}

// begun reports whether anything of the position of step i has begun that is not over.
func (r Run) begun(i int) bool {
	for _, m := range r.remaining(i) {
		if r.Steps[m].State != StepPending {
			return true
		}
	}
	return false
}

// At is the place of step i.
func (r Run) At(i int) Place {
	if i < 0 || i >= len(r.Steps) {
		return Place{N: Positions(r.Steps) + 1}
	}
	at := Place{N: Positions(r.Steps[:i+1])}
	if r.Steps[i].Group.Name != "" {
		from, _ := r.Members(i)
		at.Member = i - from + 1
	}
	return at
}

// Nth is "step 3 of 5", or "step 3.1 of 5" for a member of a group.
func (r Run) Nth(i int) string { return fmt.Sprintf("step %s of %d", r.At(i), Positions(r.Steps)) }

// one names step i: "step 3.1 (drain-eu)".
func (r Run) one(i int) string { return fmt.Sprintf("step %s (%s)", r.At(i), r.Steps[i].Name) }

// whole names the position of step i, for a member that of its group: "step 3 (drain)".
func (r Run) whole(i int) string { return fmt.Sprintf("step %d (%s)", r.At(i).N, r.Called(i)) }

// Called is the name at the position of step i: the group's, or the step's own.
func (r Run) Called(i int) string {
	if g := r.Steps[i].Group.Name; g != "" {
		return g
	}
	return r.Steps[i].Name
}

// Position is "step 3 of 5", also for a member of a group.
func (r Run) Position(i int) string {
	return fmt.Sprintf("step %d of %d", r.At(i).N, Positions(r.Steps))
}

// positions counts those of which every step is in the state.
func (r Run) positions(is StepState) int {
	n := 0
	for from := 0; from < len(r.Steps); {
		_, to := r.Members(from)
		all := true
		for ; from < to; from++ {
			all = all && r.Steps[from].State == is
		}
		if all {
			n++
		}
	}
	return n
}

// howFar says how many members of the group of step i are done: ", 1 of 3 done"; empty for a step that stands alone.
func (r Run) howFar(i int) string {
	if r.Steps[i].Group.Name == "" {
		return ""
	}
	done := 0
	from, to := r.Members(i)
	for _, s := range r.Steps[from:to] {
		if s.over() {
			done++
		}
	}
	return fmt.Sprintf(", %d of %d done", done, to-from)
}

// cameTo says how a group ended that is not done, with the state of each member.
func (r Run) cameTo(i int) string {
	from, to := r.Members(i)
	word, refused := "failed", true
	var parts []string
	for n := from; n < to; n++ {
		s := r.Steps[n]
		if s.State == StepUnknown {
			word = "unknown"
		}
		refused = refused && (s.State == StepRefused || s.State == StepPending && !s.Touched)
		state := string(s.State) + because(s.Note)
		switch {
		case s.State == StepPending && s.Attempt > 0:
			state = "not done"
		case s.State == StepPending:
			state = "not begun"
		case s.over():
			state = string(s.State)
		}
		parts = append(parts, fmt.Sprintf("%s (%s) %s", r.At(n), s.Name, state))
	}
	members := ": " + strings.Join(parts, "; ")
	switch {
	case word == "unknown":
		return "the outcome of " + r.whole(i) + " is unknown" + members
	case refused:
		return r.whole(i) + " was refused" + members
	}
	return r.whole(i) + " failed" + members
}

// attempted reports whether an attempt at the position of step i has begun, as far as is on record.
func (r Run) attempted(i int) bool {
	for from, to := r.Members(i); from < to; from++ {
		if s := r.Steps[from]; s.Attempt > 0 && !s.Lost {
			return true
		}
	}
	return false
}

// again says what a retry does: which members of a group run.
func (r Run) again(i int) string {
	if r.Steps[i].Group.Name == "" {
		if !r.begun(i) {
			return " begins"
		}
		return " runs again"
	}
	return " goes on with " + strings.Join(r.names(r.remaining(i)), ", ")
}

// counted names the members that a person's word counts as done while others have not begun; empty where it counts all.
func (r Run) counted(i int) string {
	left := r.remaining(i)
	seen := slices.DeleteFunc(slices.Clone(left), func(m int) bool { return r.Steps[m].State == StepPending })
	if len(seen) == len(left) {
		return ""
	}
	return strings.Join(r.names(seen), ", ")
}

func (r Run) names(of []int) []string {
	out := make([]string, len(of))
	for i, m := range of {
		out[i] = r.Steps[m].Name
	}
	return out
}
