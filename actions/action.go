// Package actions carries out approved plans: it resolves runbooks into plans, checks them, and runs their steps.
//
// An action has three verbs and one effect. The engine is the only loop; it commits the intent before Apply and the
// outcome after it, and observes with Verify before it ever repeats anything.
package actions

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/pointsman/pointsman"
)

// Action is one kind of effect on the world.
type Action interface {
	// Kind is stored in plans and never renamed: "postgres.promote".
	Kind() string
	// Check only reads. It returns facts with value, limit, source and time, the pins it chose, the bounds that an
	// approval would accept, and Already if the effect holds without us. A guard that says no is a Fact, not an
	// error; an error means that nothing could be told at all.
	Check(ctx context.Context, in Input) (pointsman.Evidence, error)
	// Apply requests the effect. It is called at most once per attempt. A RefusedError says that a guard held and
	// nothing was done; ErrUnknown (or any other error) that it may have happened.
	Apply(ctx context.Context, in Input) (Outcome, error)
	// Verify only reads: did the effect hold, measured after Apply. It is polled, also after a restart, with the
	// Memo that Apply left. Evidence.Holds answers; an error means that it could not be told.
	Verify(ctx context.Context, in Input) (pointsman.Evidence, error)
}

// Describer is an optional part of an Action: it reads the step's arguments strictly (unknown fields are errors) and
// says in one line what the step will do. runbook lint calls it with the raw arguments, the planner with resolved ones.
type Describer interface {
	Describe(in Input) (string, error)
}

// Undoer is an optional part of an Action.
type Undoer interface {
	Undo(ctx context.Context, in Input) (Outcome, error)
}

// Stopper is an optional part of an Action that only stops things, as a brake does, or only looks. A runbook of nothing else is
// exempt from locks, freezes and windows: the safe direction must always be open.
type Stopper interface{ OnlyStops() bool }

// Phase says why a Check is made.
type Phase string

// The phases.
const (
	Propose Phase = "propose" // for the card, before anybody approved
	Start   Phase = "start"   // under the lock, right before the step
	Recover Phase = "recover" // after a crash or a lost answer
)

// Input is what a verb gets.
type Input struct {
	Phase    Phase
	Key      string            // idempotency key of the step: "INC-7/R1/3"
	Incident string            // "INC-7"
	Target   pointsman.Target  // the plan's target
	With     json.RawMessage   // the step's arguments with parameters filled in
	Params   map[string]string // the plan's parameters
	Pins     map[string]string // values the plan fixed, such as candidate=pg-2; while proposing, pins chosen by earlier steps
	Bounds   []pointsman.Bound // accepted upper limits; empty while proposing
	Promised []Promise         // the earlier steps of this plan: what they will have done by then; for Apply, what came before it
	StepN    int               // number of the step, from 1
	Memo     json.RawMessage   // what Apply left
	Earlier  json.RawMessage   // what the last attempt before this one left that left something
	Applied  time.Time         // when Apply began, by the store's clock; a verification must be newer
	Reason   string            // the reason given by the requester, where there is one
	Actor    string            // who decided, for records kept at the target
	Log      *slog.Logger      // never nil when the engine calls
	// Remember stores a memo before Apply has ended, for an effect of several parts whose middle a successor must
	// recognise. Only Apply has it, and not outside the engine: it may be nil. An error means that nothing was stored.
	Remember func(memo json.RawMessage, note string) error
}

// Promise is an earlier step of the plan, which will have had its effect by then.
type Promise struct {
	Kind string
	With json.RawMessage // its arguments; nil where they are not known yet
}

// Promises reports whether an earlier step of the plan is of one of the kinds.
func (in Input) Promises(kinds ...string) bool {
	return slices.ContainsFunc(in.Promised, func(p Promise) bool { return slices.Contains(kinds, p.Kind) })
}

// Args decodes the step's arguments strictly into v: an unknown or repeated field is an error that names it.
func (in Input) Args(v any) error {
	return decodeStrict(in.With, v)
}

// Bound returns the accepted upper limit with the name.
func (in Input) Bound(name string) (pointsman.Bound, bool) {
	return pointsman.Plan{Bounds: in.Bounds}.Bound(name)
}

// Outcome is what Apply leaves.
type Outcome struct {
	Memo json.RawMessage // for Verify, across restarts
	Note string          // one sentence for the thread, with the number and the limit
}

// RefusedError says that a guard held: nothing was done, a person decides, and it is never retried by itself.
type RefusedError struct {
	Facts []pointsman.Fact // what stands in the way
	Text  string           // used when there are no facts
}

// Error implements error with the first refusing sentence.
func (e *RefusedError) Error() string {
	if len(e.Facts) > 0 {
		return e.Facts[0].Sentence()
	}
	return e.Text
}

// Refuse makes a RefusedError of one sentence.
func Refuse(format string, args ...any) *RefusedError {
	return &RefusedError{Text: fmt.Sprintf(format, args...)}
}
