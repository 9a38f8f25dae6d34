package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// KindRun is the kind that runs a configured command, as runbooks name it.
const KindRun = "exec.run"

type runArgs struct {
	Service string `json:"service"` // a configured service; the run's target by default
	Command string `json:"command"` // the name of one of its commands
}

// keyVariable tells the command which step of which run it is: the same for every attempt, so that a command that
// keeps it can tell that it was carried out already.
const keyVariable = "POINTSMAN_KEY"

// run runs a command once.
type run struct{ *catalog }

var _ actions.Describer = run{}

// Kind implements actions.Action.
func (run) Kind() string { return KindRun }

// memo is what is known of the process when it has ended. Nothing else can ever tell: a process leaves no trace that
// a successor could look at.
type memo struct {
	Exit   int    `json:"exit"`
	Killed bool   `json:"killed,omitempty"` // by us, because its time was over
	Tail   string `json:"tail,omitempty"`
}

// command is a configured command line.
type command struct {
	service Target
	name    string
	argv    []string
}

func (c command) String() string { return c.name + " of " + c.service.Name }

func (k run) find(in actions.Input) (command, error) {
	var a runArgs
	if err := in.Args(&a); err != nil {
		return command{}, err
	}
	t, err := k.pick(a.Service, in)
	if err != nil {
		return command{}, err
	}
	argv, ok := t.Commands[a.Command]
	if !ok {
		return command{}, fmt.Errorf("service %s has no command %q; configured are %s", t.Name, a.Command, orNone(slices.Sorted(maps.Keys(t.Commands))))
	}
	return command{t, a.Command, argv}, nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Describe implements actions.Describer. The whole command line is shown, because it is what is approved.
func (k run) Describe(in actions.Input) (string, error) {
	var a runArgs
	if err := in.Args(&a); err != nil {
		return "", err
	}
	if a.Command == "" {
		return "", errors.New("command is missing: name one of the service's commands")
	}
	if k.open(a.Service, in) || actions.Reference(a.Command) {
		return fmt.Sprintf("run the command %s of %s", a.Command, a.Service), nil
	}
	c, err := k.find(in)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("run the command %s: %s", c, actions.Shell(c.argv...)), nil
}

// Check looks whether the program is there. What the command will do it cannot tell.
func (k run) Check(_ context.Context, in actions.Input) (pointsman.Evidence, error) {
	c, err := k.find(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	f := pointsman.Fact{
		Kind: pointsman.Hard, Name: "program of " + c.String(), Value: c.argv[0], Source: "this host", At: time.Now().UTC(), Result: pointsman.Pass,
	}
	if _, err := exec.LookPath(c.argv[0]); err != nil {
		f.Result, f.Clears = pointsman.Fail, "install it, or correct commands under targets.service"
		f.Text = fmt.Sprintf("the program %s of %s cannot be run on this host: %v", c.argv[0], c, errors.Unwrap(err))
	}
	return pointsman.Evidence{Facts: []pointsman.Fact{f}}, nil
}

// Apply runs the command once, until it ends or the step's time is over.
func (k run) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	c, err := k.find(in)
	if err != nil {
		return actions.Outcome{}, actions.Refuse("%v", err)
	}
	path, err := exec.LookPath(c.argv[0])
	if err != nil {
		return actions.Outcome{}, actions.Refuse("the program %s of %s cannot be run on this host: %v", c.argv[0], c, errors.Unwrap(err))
	}
	env, secrets := environment(c.service.Env)
	env = append(env, keyVariable+"="+in.Key)
	began := time.Now()
	end, err := process{path: path, argv: c.argv, env: env}.run(ctx)
	if err != nil {
		return actions.Outcome{}, actions.NotSent(fmt.Errorf("%s was not started: %w", c, err))
	}
	took := pointsman.Span(time.Since(began))
	m := memo{Exit: end.exit, Killed: end.killed, Tail: tail(end.output, secrets)}
	raw, err := json.Marshal(m)
	if err != nil {
		return actions.Outcome{}, err
	}
	out := actions.Outcome{Memo: raw, Note: fmt.Sprintf("%s ended well after %s%s", c, took, m.said())}
	switch {
	case m.Killed:
		err = fmt.Errorf("%s was killed with its children after %s because its time was over; what it did until then is not known%s", c, took, m.said())
	case m.Exit != 0:
		err = fmt.Errorf("%s ended with exit code %d after %s%s", c, m.Exit, took, m.said())
	}
	if err != nil {
		out.Note = err.Error()
	}
	return out, err
}

func (m memo) said() string {
	if m.Tail == "" {
		return ""
	}
	return ": " + m.Tail
}

// Verify tells what the memo tells. Without one, nobody saw the process end, and a person has to look.
func (k run) Verify(_ context.Context, in actions.Input) (pointsman.Evidence, error) {
	c, err := k.find(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	if len(in.Memo) == 0 {
		return pointsman.Evidence{}, actions.Untold(fmt.Errorf("nobody saw the process of %s end; see whether it still runs, look at the service, then mark the step done, or retry it", c))
	}
	var m memo
	if err := json.Unmarshal(in.Memo, &m); err != nil {
		return pointsman.Evidence{}, fmt.Errorf("memo of %s: %w", c, err)
	}
	if m.Killed {
		return pointsman.Evidence{}, actions.Untold(fmt.Errorf("%s was killed because its time was over; look at the service, then mark the step done, or retry it", c))
	}
	f := pointsman.Fact{
		Name: "exit code of " + c.String(), Value: fmt.Sprint(m.Exit), Limit: "exit code 0", Source: c.argv[0], At: time.Now().UTC(), Result: pointsman.Pass,
	}
	if m.Exit != 0 {
		f.Result, f.Text = pointsman.Fail, fmt.Sprintf("%s ended with exit code %d%s", c, m.Exit, m.said())
	}
	return pointsman.Evidence{Facts: []pointsman.Fact{f}, Holds: m.Exit == 0}, nil
}
