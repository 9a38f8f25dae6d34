package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

var (
	nameForm  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	paramForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
)

// The engine's own kinds need no timeout: they wait for as long as they say, or for a person.
var patient = []string{"wait", "manual.task", "gate", "watch"}

var paramTypes = []string{"target", "enum", "duration", "int"}

// judge checks the form of what was read, so that one look shows all that is wrong.
func (d *decoder) judge(rb pointsman.Runbook) {
	unread := slices.Clone(d.faults)
	d.lint(rb)
	found := d.faults[len(unread):]
	d.faults = slices.Concat(unread, slices.DeleteFunc(found, func(f pointsman.Fault) bool { return hidden(f, unread) }))
}

// hidden reports that what was not read may be all that is wrong: it lies around the place or in it, it is a slip of the
// pen for it, or, for the target, it is the parameter that the target names.
func hidden(f pointsman.Fault, unread []pointsman.Fault) bool {
	within := func(a, b string) bool { return a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(a, b+"[") }
	return slices.ContainsFunc(unread, func(u pointsman.Fault) bool {
		_, meant, _ := strings.Cut(u.Text, "did you mean ")
		meant = u.Path[:strings.LastIndex(u.Path, ".")+1] + strings.TrimSuffix(meant, "?")
		return u.Path == "" || within(f.Path, u.Path) || within(u.Path, f.Path) || within(f.Path, meant) || f.Path == "target" && within(u.Path, "params")
	})
}

// lint checks the form of a runbook that could be read.
func (d *decoder) lint(rb pointsman.Runbook) {
	at := func(line int, path, format string, args ...any) {
		d.faults = append(d.faults, pointsman.Fault{File: rb.File, Line: line, Path: path, Text: fmt.Sprintf(format, args...)})
	}
	top := func(path, format string, args ...any) { at(max(d.lines[path], 1), path, format, args...) }
	want := strings.TrimSuffix(path.Base(rb.File), ".yaml")
	switch {
	case rb.Name == "":
		top("name", "a runbook needs a name; write name: %s", want)
	case !nameForm.MatchString(rb.Name):
		top("name", "%q is no name; use a-z, 0-9 and dashes", rb.Name)
	case rb.Name != want:
		top("name", "%q stands in the file %s; the two must agree, because the name is stored with every run", rb.Name, path.Base(rb.File))
	}
	for _, f := range [][2]string{{"title", rb.Title}, {"description", rb.Description}, {"owner", rb.Owner}} {
		if f[1] == "" {
			top(f[0], "%s is missing; somebody reads it at night", f[0])
		}
	}
	if rb.Review.IsZero() {
		top("review", "review is missing; write the day on which somebody should check this runbook, for example 2027-02-01")
	}
	if rb.Approval.Expires < time.Minute || rb.Approval.Expires > 24*time.Hour {
		top("approval.expires", "%s is outside 1m to 24h", rb.Approval.Expires)
	}
	if rb.Deadline < 0 || rb.Deadline > 0 && rb.Deadline < time.Minute {
		top("deadline", "%s is shorter than 1m; leave it out for no limit", rb.Deadline)
	}
	if e := rb.Comms.Every; e != 0 && e < time.Minute {
		top("comms.every", "%s is shorter than 1m; people stop reading", e)
	}
	if rb.Escalation.Service != "" && rb.Escalation.After <= 0 {
		top("escalation.after", "says whom to page and not when; add for example after: 5m")
	}
	if rb.Approval.RequesterMayApprove && len(rb.Approval.Require) > 0 && rb.Approval.Needed() > 1 {
		top("approval.requester_may_approve", "only a runbook that one person decides may be approved by its requester; this one needs %s", rb.Approval)
	}
	lintModes(rb, top)
	lintParams(rb, at, top)
	lintSteps(rb, at, top)
}

// lintModes holds the file to its own words: an alert is an incident, and what who asks says beside the parameters is no parameter's name.
func lintModes(rb pointsman.Runbook, top func(string, string, ...any)) {
	all := pointsman.Modes()
	for i, m := range rb.Modes {
		switch {
		case !slices.Contains(all, m):
			top("modes", "%q is no mode; there are %s", string(m), pointsman.ModeNames(all))
		case slices.Contains(rb.Modes[:i], m):
			top("modes", "%s is listed twice", m)
		}
	}
	if len(rb.Answers) > 0 && !slices.Contains(rb.Permitted(), pointsman.ModeIncident) {
		top("modes", "it answers alerts, and what they ask for is an incident; add incident, or take its answers out")
	}
	if slices.ContainsFunc(rb.Params, func(p pointsman.Param) bool { return p.Name == "mode" }) {
		top("params", "mode is no name of a parameter: who asks for a run says with it what the run is for")
	}
	if slices.ContainsFunc(rb.Params, func(p pointsman.Param) bool { return p.Name == "incident" }) {
		top("params", "incident is no name of a parameter: who asks for a run says with it which incident the run is in")
	}
}

func lintParams(rb pointsman.Runbook, at func(int, string, string, ...any), top func(string, string, ...any)) {
	target, kinds := -1, targetKinds()
	for i, p := range rb.Params {
		path := "params." + p.Name
		if p.Name == rb.Target {
			target = i
		}
		switch {
		case !paramForm.MatchString(p.Name):
			at(p.Line, path, "%q is no name of a parameter; use a-z, 0-9 and underscores", p.Name)
		case !slices.Contains(paramTypes, p.Type):
			at(p.Line, path+".type", "%s", didYouMean("type", p.Type, paramTypes))
		case p.Type == "target" && p.Kind == "":
			at(p.Line, path+".kind", "a target needs its kind, one of %s", strings.Join(kinds, ", "))
		case p.Type == "target" && !slices.Contains(kinds, p.Kind):
			top(path+".kind", "%s", didYouMean("kind of target", p.Kind, kinds))
		case p.Type == "enum" && len(p.Values) == 0:
			at(p.Line, path+".values", "an enum needs values")
		case p.Type == "enum" && p.Default != "" && !slices.Contains(p.Values, p.Default):
			at(p.Line, path+".default", "%q is none of the values %s", p.Default, strings.Join(p.Values, ", "))
		case p.Type == "duration" && p.Default != "" && !isDuration(p.Default):
			at(p.Line, path+".default", "%q is no duration such as 30s", p.Default)
		case p.Type == "int" && p.Default != "" && !isInt(p.Default):
			at(p.Line, path+".default", "%q is no whole number", p.Default)
		}
	}
	if rb.Target != "" && (target < 0 || rb.Params[target].Type != "target") {
		top("target", "%q is no parameter of type target; a run locks what it names", rb.Target)
	}
}

func lintSteps(rb pointsman.Runbook, at func(int, string, string, ...any), top func(string, string, ...any)) {
	if len(rb.Steps) == 0 {
		top("steps", "a runbook needs at least one step")
	}
	for i, s := range rb.Steps {
		path := rb.PathOf(i)
		switch {
		case s.Group.Name != "" && slices.Contains(patient, s.Kind):
			at(s.Line, path+".kind", "a step of kind %s waits; put it before or after the group", s.Kind)
			continue
		case !nameForm.MatchString(s.Name):
			at(s.Line, path+".name", "%q is no name of a step; use a-z, 0-9 and dashes", s.Name)
		case slices.ContainsFunc(rb.Steps[:i], func(t pointsman.RunbookStep) bool { return t.Name == s.Name }):
			at(s.Line, path+".name", "another step is called %s; a person must know which one is meant", s.Name)
		}
		switch {
		case s.Kind == "":
			at(s.Line, path+".kind", "a step needs a kind, for example manual.task")
		case !slices.Contains(patient, s.Kind) && s.Timeout <= 0:
			at(s.Line, path+".timeout", "a step of kind %s needs a timeout, for example 30s", s.Kind)
		}
		lintGate(rb, i, at)
		if s.When != nil {
			if err := s.When.Check(); err != nil {
				at(s.Line, path+".when", "%v", err)
			}
		}
		switch {
		case len(s.SkipBy) > 0 && s.Irreversible:
			at(s.Line, path+".skip", "the point of no return is never skipped; an operator aborts the run before it")
		case len(s.SkipBy) > 0 && s.Kind == pointsman.KindGate:
			at(s.Line, path+".skip", "a gate is never skipped; leave it out of the runbook if nobody has to look")
		case len(s.Ungraceful) > 0 && slices.Contains(patient, s.Kind):
			at(s.Line, path+".ungraceful", "a step of kind %s has no effect that could be had in a harder way", s.Kind)
		}
		if s.Irreversible && i == len(rb.Steps)-1 {
			at(s.Line, path+".irreversible", "nothing follows after the point of no return; add a step that verifies it")
		}
	}
}

// RunbookWarnings tells what deserves a look although the runbook can be used.
func RunbookWarnings(rb pointsman.Runbook, now time.Time) []pointsman.Fault {
	var out []pointsman.Fault
	warn := func(path, format string, args ...any) {
		out = append(out, pointsman.Fault{File: rb.File, Line: 1, Path: path, Text: fmt.Sprintf(format, args...)})
	}
	if !rb.Review.IsZero() && now.After(rb.Review) {
		warn("review", "the review was due on %s; %s should check whether the runbook still holds", rb.Review.Format(time.DateOnly), rb.Owner)
	}
	if len(rb.Approval.Require) == 0 {
		warn("approval.require", "nobody is named, so nobody can approve it; add for example 1 of %s", orWord(rb.Owner, "dba"))
	}
	return out
}

func didYouMean(what, word string, known []string) string {
	if s := nearest(word, slices.Clone(known)); s != "" && word != "" {
		return fmt.Sprintf("unknown %s %q, did you mean %s?", what, word, s)
	}
	return fmt.Sprintf("unknown %s %q; known: %s", what, word, strings.Join(known, ", "))
}

func isDuration(s string) bool { _, err := parseDuration(s); return err == nil }

func isInt(s string) bool { _, err := strconv.ParseInt(s, 10, 64); return err == nil }

func orWord(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// reason is an operating system's error without the path, which the fault says already.
func reason(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}
