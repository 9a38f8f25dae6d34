package endpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/swap"
)

// Switch is the kind endpoint.switch: it leads an application's address to another place.
type Switch struct {
	byName map[string]Target
	names  []string
}

var (
	_ actions.Action    = Switch{}
	_ actions.Describer = Switch{}
	_ actions.Undoer    = Switch{}
	_ actions.Undone    = Switch{}
	_ actions.Handy     = Switch{}
)

// SwitchArgs are the arguments of endpoint.switch: names of the configuration, never addresses.
type SwitchArgs struct {
	Endpoint string `json:"endpoint"`
	From     string `json:"from"` // where it must lead now: the old value of the compare-and-set
	To       string `json:"to"`
}

// SwitchMemo is what Apply leaves for Undo.
type SwitchMemo struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Kinds are the actions on the configured endpoints, which were validated.
func Kinds(cfg Config) []actions.Action {
	k := Switch{byName: map[string]Target{}}
	for _, t := range cfg {
		if t.Timeout == 0 {
			t.Timeout = DefaultTimeout
		}
		k.byName[t.Name] = t
		k.names = append(k.names, t.Name)
	}
	return []actions.Action{k}
}

// Kind implements actions.Action.
func (Switch) Kind() string { return "endpoint.switch" }

// Describe implements actions.Describer.
func (Switch) Describe(in actions.Input) (string, error) {
	args, err := argsOf(in)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("lead %s from %s to %s", args.Endpoint, args.From, args.To), nil
}

func argsOf(in actions.Input) (SwitchArgs, error) {
	var args SwitchArgs
	if err := in.Args(&args); err != nil {
		return args, err
	}
	if err := actions.Required("endpoint", args.Endpoint, "from", args.From, "to", args.To); err != nil {
		return args, err
	}
	if args.From == args.To {
		return args, fmt.Errorf("from and to are both %s", args.To)
	}
	return args, nil
}

// way is a resolved step.
type way struct {
	target   Target
	from, to Place
}

func (k Switch) way(in actions.Input) (way, error) {
	args, err := argsOf(in)
	if err != nil {
		return way{}, err
	}
	t, ok := k.byName[args.Endpoint]
	if !ok {
		return way{}, fmt.Errorf("no endpoint %q is configured; there are %s", args.Endpoint, strings.Join(k.names, ", "))
	}
	w := way{target: t}
	if w.from, err = t.place(args.From); err != nil {
		return w, err
	}
	w.to, err = t.place(args.To)
	return w, err
}

// Check implements actions.Action.
func (k Switch) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	w, err := k.way(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	now, err := w.target.current(ctx)
	if err != nil {
		return pointsman.Evidence{}, fmt.Errorf("where %s leads cannot be told: %w", w.target.Name, err)
	}
	ev := pointsman.Evidence{Facts: []pointsman.Fact{w.expected(now)}}
	if now == w.to.Address {
		ev.Already, ev.AlreadyBy = true, "somebody else: it leads to "+w.to.Name
	}
	return ev, nil
}

// expected is G18: it leads where the plan says, or is led already.
func (w way) expected(now string) pointsman.Fact {
	f := pointsman.Fact{
		Guard: "G18", Kind: pointsman.Hard, Name: "endpoint " + w.target.Name, Value: w.target.named(now), Limit: w.from.Name, Source: w.source(), At: time.Now(),
		Result: pointsman.Pass,
	}
	if now != w.from.Address && now != w.to.Address {
		f.Result = pointsman.Fail
		f.Text = fmt.Sprintf("%s leads to %s, the plan expects %s: somebody changed it meanwhile", w.target.Name, f.Value, w.from.Name)
		f.Clears = "lead it to " + w.from.Name + " by hand, or leave the step out"
	}
	return f
}

// named is the place's name for an address. What is none of ours is not shown: a value may hold more than an address.
func (t Target) named(at string) string {
	for _, p := range t.Places {
		if p.Address == at {
			return p.Name
		}
	}
	return "a place that is not configured"
}

func (w way) source() string {
	if w.target.File != "" {
		return w.target.File + ": " + w.target.Variable
	}
	return w.target.Show[0]
}

// Apply implements actions.Action.
func (k Switch) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	w, err := k.way(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	return w.lead(ctx)
}

func (w way) lead(ctx context.Context) (actions.Outcome, error) {
	if err := context.Cause(ctx); err != nil {
		return actions.Outcome{}, actions.Refuse("%s was not changed: %v", w.target.Name, err)
	}
	now, err := w.target.current(ctx)
	if err != nil {
		return actions.Outcome{}, actions.Refuse("where %s leads cannot be told: %v", w.target.Name, err)
	}
	if f := w.expected(now); f.Refuses() {
		return actions.Outcome{}, &actions.RefusedError{Facts: []pointsman.Fact{f}}
	}
	raw, err := json.Marshal(SwitchMemo{From: w.from.Name, To: w.to.Name})
	if err != nil {
		return actions.Outcome{}, err
	}
	out := actions.Outcome{Memo: raw, Note: fmt.Sprintf("%s leads to %s (%s, before %s)", w.target.Name, w.to.Name, w.to.Address, w.from.Address)}
	if now == w.to.Address {
		return out, nil
	}
	switch err := w.target.set(ctx, w.from.Address, w.to.Address); {
	case errors.Is(err, errElsewhere), errors.Is(err, swap.ErrChanged):
		return actions.Outcome{}, actions.Refuse("%s was not changed: %v", w.target.Name, err)
	case err != nil:
		return out, fmt.Errorf("lead %s to %s: %w", w.target.Name, w.to.Name, err)
	}
	return out, nil
}

// Verify implements actions.Action: the file, or the command that shows it, says the new address.
func (k Switch) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	w, err := k.way(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	return w.arrived(ctx)
}

func (w way) arrived(ctx context.Context) (pointsman.Evidence, error) {
	now, err := w.target.current(ctx)
	if err != nil {
		return pointsman.Evidence{}, fmt.Errorf("where %s leads cannot be told: %w", w.target.Name, err)
	}
	f := pointsman.Fact{
		Guard: "G18", Kind: pointsman.Hard, Name: "endpoint " + w.target.Name, Value: w.target.named(now), Limit: w.to.Name, Source: w.source(), At: time.Now(),
		Result: pointsman.Pass,
	}
	if now != w.to.Address {
		f.Result = pointsman.Fail
		f.Text = fmt.Sprintf("%s leads to %s, wanted is %s", w.target.Name, f.Value, w.to.Name)
	}
	return pointsman.Evidence{Facts: []pointsman.Fact{f}, Holds: f.Result == pointsman.Pass}, nil
}

// Undo implements actions.Undoer: it leads back, by the same compare-and-set the other way round.
func (k Switch) Undo(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	w, err := k.way(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	w.from, w.to = w.to, w.from
	return w.lead(ctx)
}

// Undone implements actions.Undone: the file, or the command that shows it, says the old address.
func (k Switch) Undone(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	w, err := k.way(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	w.from, w.to = w.to, w.from
	return w.arrived(ctx)
}
