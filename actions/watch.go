package actions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

// WatchArgs are the arguments of a watch step: what must hold, for how long, and how many samples decide.
type WatchArgs struct {
	Kind  string          `json:"kind"`  // the kind that looks
	With  json.RawMessage `json:"with"`  // its arguments
	Look  string          `json:"look"`  // which of its verbs: "verify" (default) or "check"; both only read
	For   string          `json:"for"`   // how long it must hold at least, a Go duration: "30m"
	Every string          `json:"every"` // between samples; default 5s
	Good  int             `json:"good"`  // good samples in a row that are needed at the end; default 3
	Bad   int             `json:"bad"`   // bad samples that end it as failed; default 3
}

// The defaults of a watch.
const (
	watchEvery = "5s"
	watchGood  = 3
	watchBad   = 3
)

// watching are the arguments as the engine uses them.
type watching struct {
	WatchArgs
	lasts, every time.Duration
}

func (in Input) watch() (watching, error) {
	w := watching{WatchArgs: WatchArgs{Look: "verify", Every: watchEvery, Good: watchGood, Bad: watchBad}}
	if err := in.Args(&w.WatchArgs); err != nil {
		return w, err
	}
	var err error
	if w.lasts, err = lasts("for", w.For); err != nil {
		return w, err
	}
	if w.every, err = lasts("every", w.Every); err != nil {
		return w, err
	}
	switch {
	case w.Look != "verify" && w.Look != "check":
		return w, fmt.Errorf("look %q: want verify or check", w.Look)
	case w.every < time.Second || w.every > 10*time.Minute:
		return w, fmt.Errorf("every %q: outside 1s to 10m", w.Every)
	case w.lasts < w.every || w.lasts > 24*time.Hour:
		return w, fmt.Errorf("for %q: outside %s (every) to 24h", w.For, pointsman.Span(w.every))
	case w.Bad < 1 || w.Good < 1:
		return w, fmt.Errorf("good %d, bad %d: each must be at least 1", w.Good, w.Bad)
	case time.Duration(w.Good)*w.every > w.lasts:
		return w, fmt.Errorf("good %d: so many samples take %s, longer than for %q", w.Good, pointsman.Span(time.Duration(w.Good)*w.every), w.For)
	}
	return w, nil
}

// describeWatch checks the arguments of the watch and, with the kind's own Describer, those of what it watches.
func (r *Registry) describeWatch(in Input) (string, error) {
	w, err := in.watch()
	if err != nil {
		return "", err
	}
	act, known := r.Find(w.Kind)
	switch {
	case !known && Own(w.Kind):
		return "", fmt.Errorf("kind %q: it looks at nothing", w.Kind)
	case !known && r.Nearest(w.Kind) != "":
		return "", fmt.Errorf("kind %q: unknown action kind, did you mean %q?", w.Kind, r.Nearest(w.Kind))
	case !known:
		return "", fmt.Errorf("kind %q: unknown action kind; known are %s", w.Kind, strings.Join(r.Kinds(), ", "))
	}
	what := w.Kind
	if d, ok := act.(Describer); ok {
		in.With = w.With
		if what, err = d.Describe(in); err != nil {
			return "", fmt.Errorf("with of %s: %w", w.Kind, err)
		}
	}
	return fmt.Sprintf("watch for %s, every %s, until %d good in a row; %d bad fail: %s", w.For, w.Every, w.Good, w.Bad, what), nil
}

// tally is the memo of a watch: what was counted so far, across restarts.
type tally struct {
	At      time.Time `json:"at"` // the last sample
	Samples int       `json:"samples"`
	// Watched is the time between samples that were not too far apart. The clock's difference between beginning and end
	// would count what nobody saw, and what two clocks disagree about.
	Watched time.Duration `json:"watched"`
	Row     int           `json:"row"` // good ones in a row
	Bad     int           `json:"bad"`
	Why     string        `json:"why,omitempty"` // the last bad one
	Told    time.Time     `json:"told"`          // when people were told last
}

// tellEvery: the card shows progress this often, and at once when it turns good or bad; each time is a row in the log.
const tellEvery = 30 * time.Second

// watch takes samples until enough good ones follow each other at the end of the time, or too many were bad. What could
// not be told is a bad sample. A wait longer than yieldAfter gives the worker back.
func (e *Engine) watch(ctx context.Context, run pointsman.Run, plan pointsman.Plan, end pointsman.EndStep) (pointsman.Run, error) {
	in := e.input(run, plan, end.Step, Start)
	w, err := in.watch()
	if err != nil {
		return e.fail(ctx, end, err)
	}
	act, known := e.Kinds.Find(w.Kind)
	if !known {
		return e.fail(ctx, end, fmt.Errorf("this version knows no action kind %s", w.Kind))
	}
	var n tally
	if memo := run.Steps[end.Step].Memo; len(memo) > 0 {
		if err := json.Unmarshal(memo, &n); err != nil {
			return e.fail(ctx, end, fmt.Errorf("what was counted so far: %w", err))
		}
	}
	in.With, in.Memo, in.Earlier, in.Applied = w.With, left(run, plan, w, end.Step), nil, run.Steps[end.Step].StartedAt
	for {
		wait := min(e.until(n.At.Add(w.every)), w.every)
		if wait > yieldAfter || run.Wish.Verb == pointsman.VerbAbort { // which takes hold while it waits
			return e.say(ctx, pointsman.WaitStep{Run: run.ID, Epoch: end.Epoch, Step: end.Step, Until: e.now().Add(wait), Note: n.progress(w), Progress: true})
		} else if err := pause(ctx, wait); err != nil {
			return run, err
		}
		ev, err := e.sample(ctx, plan, act, in, w)
		if lost := context.Cause(ctx); lost != nil {
			return run, lost
		}
		tell := n.count(w, e.now(), why(ev, err, w), e.CheckTimeout)
		end.Facts = ev.Facts
		switch {
		case n.Bad >= w.Bad:
			return e.fail(ctx, end, fmt.Errorf("%s, limit %d: %s", pointsman.Count(n.Bad, "bad sample"), w.Bad, n.Why))
		case n.Row >= w.Good && n.Watched >= w.lasts:
			end.State, end.Note = pointsman.StepDone, n.progress(w)
			return e.say(ctx, end)
		}
		memo, err := json.Marshal(n)
		if err != nil {
			return e.fail(ctx, end, err)
		}
		if run, err = e.say(ctx, pointsman.NoteMemo{Run: run.ID, Epoch: end.Epoch, Step: end.Step, Memo: memo, Note: n.progress(w), Tell: tell}); err != nil || run.State != pointsman.RunRunning {
			return run, err
		}
	}
}

// left is what the last earlier step of the watched kind, with the same arguments, left for its verification. Where its last
// attempt saw that it was done, an attempt before it left that; after a person's word nothing that it left is proof.
func left(run pointsman.Run, plan pointsman.Plan, w watching, step int) json.RawMessage {
	var memo json.RawMessage
	for i, p := range plan.Steps[:step] {
		if p.Kind != w.Kind || string(p.With) != string(w.With) {
			continue
		}
		s := run.Steps[i]
		if memo = s.Memo; len(memo) == 0 && s.State == pointsman.StepDone && s.MarkedBy == "" {
			memo = s.Earlier
		}
	}
	return memo
}

func (e *Engine) sample(ctx context.Context, plan pointsman.Plan, act Action, in Input, w watching) (pointsman.Evidence, error) {
	if no := e.reconfigured(plan); len(no) > 0 { // another server would be looked at than the one that was acted on
		return pointsman.Evidence{Facts: no}, errors.New(joined(no))
	}
	if w.Look == "check" {
		return e.check(ctx, act, in)
	}
	return e.look(ctx, act, in)
}

// why says what is bad about a sample; nil where it is good.
func why(ev pointsman.Evidence, err error, w watching) error {
	switch {
	case err != nil:
		return fmt.Errorf("it could not be told: %w", err)
	case w.Look == "verify" && ev.Holds:
		return nil
	}
	for _, f := range ev.Facts {
		if f.Refuses() || f.NeedsAcknowledgement() || w.Look == "verify" && f.Result != pointsman.Pass {
			return errors.New(f.Sentence())
		}
	}
	if w.Look == "check" {
		return nil
	}
	return errors.New("it does not hold")
}

// count takes a sample in and reports whether people should be told. A gap, in which nobody looked, breaks the row and
// is not watched time.
func (n *tally) count(w watching, now time.Time, bad error, slack time.Duration) bool {
	switch gap := now.Sub(n.At); {
	case n.At.IsZero():
	case gap < 0 || gap > 2*w.every+slack:
		n.Row = 0
	default:
		n.Watched += gap
	}
	turned := n.Samples == 0 || (n.Row > 0) != (bad == nil)
	n.At, n.Samples = now, n.Samples+1
	if bad == nil {
		n.Row++
	} else {
		n.Row, n.Bad, n.Why = 0, n.Bad+1, bad.Error()
	}
	if turned || now.Sub(n.Told) >= tellEvery {
		n.Told = now
		return true
	}
	return false
}

func (n tally) progress(w watching) string {
	s := fmt.Sprintf("watched for %s of %s, %s, %d good in a row, %d bad (limit %d)",
		pointsman.Span(n.Watched.Round(time.Second)), w.For, pointsman.Count(n.Samples, "sample"), n.Row, n.Bad, w.Bad)
	if n.Why != "" {
		s += ", the last bad one: " + n.Why
	}
	return s
}
