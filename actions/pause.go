package actions

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

// WaitArgs are the arguments of a wait step.
type WaitArgs struct {
	For string `json:"for"` // a Go duration: "30s"
}

// ManualArgs are the arguments of a manual.task step.
type ManualArgs struct {
	Text  string `json:"text"`  // what to do, with the exact commands
	Owner string `json:"owner"` // who does it: a role or a person's id
	Due   string `json:"due"`   // how long they have, a Go duration: "30m"
}

// ownerForm: one word. A reference is none on purpose, so that no label and no parameter chooses who may say done.
var ownerForm = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$`)

// maxDue bounds what may be asked of a person: a task that is due in months holds its target's lock for months.
const maxDue = 7 * 24 * time.Hour

func (a ManualArgs) due() (time.Duration, error) {
	if a.Due == "" {
		return 0, nil
	}
	d, err := lasts("due", a.Due)
	switch {
	case err != nil:
		return 0, err
	case d < time.Minute || d > maxDue:
		return 0, fmt.Errorf("due %q: outside 1m to %s", a.Due, pointsman.Span(maxDue))
	case a.Owner == "":
		return 0, fmt.Errorf("due %q: nobody is named who could be late; add owner", a.Due)
	}
	return d, nil
}

// check says what is wrong with the arguments.
func (a ManualArgs) check() error {
	switch {
	case strings.TrimSpace(a.Text) == "":
		return errors.New("text is empty: say what the person has to do")
	case a.Owner != "" && !ownerForm.MatchString(a.Owner):
		return fmt.Errorf("owner %q: want one role or one person's id", a.Owner)
	}
	_, err := a.due()
	return err
}

// manual is the wait for a person. The time to do it in counts from the step's stored beginning, so that a restart does
// not give more of it.
func manual(in Input, started time.Time) (pointsman.WaitStep, error) {
	var a ManualArgs
	if err := in.Args(&a); err != nil {
		return pointsman.WaitStep{}, err
	}
	d, err := a.due()
	if err != nil {
		return pointsman.WaitStep{}, err
	}
	w := pointsman.WaitStep{Owner: a.Owner}
	if d > 0 {
		w.Due = started.Add(d)
	}
	who := pointsman.Duty{Owner: w.Owner, Due: w.Due}.By()
	if who == "" {
		who = "a person"
	}
	w.Note = "waits for " + who + ": " + a.Text
	return w, nil
}

func (a WaitArgs) duration() (time.Duration, error) {
	d, err := lasts("for", a.For)
	if err != nil {
		return 0, err
	}
	if d <= 0 {
		return 0, fmt.Errorf("for %q: must be positive", a.For)
	}
	return d, nil
}

// lasts reads a duration that a runbook gives a step of the engine.
func lasts(name, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%s %q is no duration; write a number with a unit, for example 30s or 5m", name, text)
	}
	return d, nil
}

// describePause is Describe for the engine's own kinds.
func (r *Registry) describePause(s pointsman.RunbookStep, in Input) (string, error) {
	switch s.Kind {
	case KindWait:
		return describeWait(in)
	case KindGate:
		return describeGate(s.Approval, in)
	case KindWatch:
		return r.describeWatch(in)
	}
	var a ManualArgs
	if err := in.Args(&a); err != nil {
		return "", err
	}
	switch err := a.check(); {
	case err != nil:
		return "", err
	case a.Due != "":
		return fmt.Sprintf("%s does by hand within %s: %s", a.Owner, a.Due, a.Text), nil
	case a.Owner != "":
		return fmt.Sprintf("%s does by hand: %s", a.Owner, a.Text), nil
	}
	return "by hand: " + a.Text, nil
}

func describeWait(in Input) (string, error) {
	var a WaitArgs
	if err := in.Args(&a); err != nil {
		return "", err
	}
	d, err := a.duration()
	if err != nil {
		return "", err
	}
	return "wait " + d.String(), nil
}

// GateArgs are the arguments of a gate step; who decides stands beside them, under approval.
type GateArgs struct {
	Text string `json:"text"` // what to look at before deciding
}

func describeGate(p pointsman.Policy, in Input) (string, error) {
	var a GateArgs
	if err := in.Args(&a); err != nil {
		return "", err
	}
	if len(p.Require) == 0 {
		return "", errors.New("nobody could open this gate; add approval: {require: [1 of dba]} to the step")
	}
	s := fmt.Sprintf("%s must approve within %s before it goes on", p, pointsman.Span(p.Lasts()))
	if a.Text != "" {
		s += ": " + a.Text
	}
	return s, nil
}
