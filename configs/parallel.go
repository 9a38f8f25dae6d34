package configs

import (
	"fmt"

	"github.com/pointsman/pointsman"
)

// nouns are the steps that stand at one place of the list: one, or the members of a group in their order. What is said
// of the whole group, when it is carried out and who may leave it out, each of its members carries.
func (s stepFile) nouns() []pointsman.RunbookStep {
	whole := s.noun()
	if s.Parallel == nil {
		return []pointsman.RunbookStep{whole}
	}
	var out []pointsman.RunbookStep
	for _, m := range s.Parallel {
		one := m.noun()
		one.Group = pointsman.Group{Name: s.Name, Timeout: s.Timeout}
		one.When, one.SkipBy = whole.When, whole.SkipBy
		out = append(out, one)
	}
	return out
}

// parallel checks what is lost when a group is laid out as its members: what stands beside them, and what a member may
// not say for itself.
func (d *decoder) parallel(steps []stepFile) {
	for i, s := range steps {
		if s.Parallel == nil {
			continue
		}
		path := fmt.Sprintf("steps[%d]", i)
		add := func(line int, path, format string, args ...any) {
			d.faults = append(d.faults, pointsman.Fault{File: d.file, Line: line, Path: path, Text: fmt.Sprintf(format, args...)})
		}
		switch {
		case !nameForm.MatchString(s.Name):
			add(s.Line, path+".name", "%q is no name of a group; use a-z, 0-9 and dashes", s.Name)
		case s.Kind != "" || len(s.With) > 0 || len(s.Ungraceful) > 0 || s.Approval != nil || s.Irreversible:
			add(s.Line, path, "a group has name, parallel, when, skip and timeout; what is done stands under its members")
		case len(s.Parallel) < 2:
			add(s.Line, path+".parallel", "a group has at least two members; write a single step without parallel")
		}
		for n, m := range s.Parallel {
			member(add, s, m, fmt.Sprintf("%s.parallel[%d]", path, n))
		}
		for n, other := range steps {
			if other.Name == s.Name && (n < i || n > i && other.Parallel == nil) { // of two groups the later one is told
				add(s.Line, path+".name", "another step is called %s; a person must know which one is meant", s.Name)
			}
		}
	}
}

// member checks what one member says for itself.
func member(add func(int, string, string, ...any), group stepFile, m memberFile, path string) {
	switch {
	case m.Irreversible:
		add(m.Line, path+".irreversible", "a point of no return has its position to itself; put it into a step of its own")
	case m.When != nil:
		add(m.Line, path+".when", "the condition belongs to the group; put it beside parallel")
	case len(m.Skip.By) > 0:
		add(m.Line, path+".skip", "a group is left out as a whole; put skip beside parallel")
	case len(m.Ungraceful) > 0:
		add(m.Line, path+".ungraceful", "a member of a group has no harder form; put it into a step of its own")
	case m.Name == group.Name:
		add(m.Line, path+".name", "the group is called %s, too; a person must know which one is meant", m.Name)
	case group.Timeout > 0 && group.Timeout < m.Timeout:
		add(group.Line, path+".timeout", "the group has %s, less than the %s of its member %s; give the group more or leave its timeout out", group.Timeout, m.Timeout, m.Name)
	}
}
