package actions

import (
	"errors"
	"fmt"
	"time"
)

// WaitArgs are the arguments of a wait step.
type WaitArgs struct {
	For string `json:"for"` // a Go duration: "30s"
}

// ManualArgs are the arguments of a manual.task step.
type ManualArgs struct {
	Text  string `json:"text"`  // what to do, with the exact commands
	Owner string `json:"owner"` // who does it: a role or a person
}

func (a WaitArgs) duration() (time.Duration, error) {
	d, err := time.ParseDuration(a.For)
	if err != nil {
		return 0, fmt.Errorf("for %q: %w", a.For, err)
	}
	if d <= 0 {
		return 0, fmt.Errorf("for %q: must be positive", a.For)
	}
	return d, nil
}

// describePause is Describe for the engine's own kinds.
func describePause(kind string, in Input) (string, error) {
	if kind == KindWait {
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
	var a ManualArgs
	if err := in.Args(&a); err != nil {
		return "", err
	}
	if a.Text == "" {
		return "", errors.New("text is empty: say what the person has to do")
	}
	if a.Owner != "" {
		return fmt.Sprintf("%s does by hand: %s", a.Owner, a.Text), nil
	}
	return "by hand: " + a.Text, nil
}
