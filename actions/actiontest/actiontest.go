// Package actiontest is the conformance suite that every kind of action passes.
package actiontest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Suite is one kind of action with a world in which it works.
type Suite struct {
	Action actions.Action
	// In has arguments for which Check finds nothing in the way and Apply succeeds. Apply succeeds once, at the end.
	In actions.Input
	// World describes all that the kind could change. Check and Verify must leave it as it is. Without one, NoWorld says why.
	World   func(ctx context.Context) (string, error)
	NoWorld string
	// OnlyLooks is a kind without an effect: Apply leaves the world as it is, and Verify may hold before it.
	OnlyLooks bool
	// Secrets must not appear in anything that the verbs return or log.
	Secrets []string
	// Failing are actions of the same kind whose targets cannot be reached, or answer nonsense. Without one, NoFailing says why.
	Failing   []actions.Action
	NoFailing string
	// Unhindered says why Check passes where a target cannot be reached. That it could not see must stand in its facts.
	Unhindered string
	// MemoTells says why Verify holds by the memo of Apply alone, also where the target cannot be reached any more.
	MemoTells string
	// Patience bounds the polling of Verify, 20 s by default.
	Patience time.Duration
}

// promptly is how soon a verb returns after its context has ended.
const promptly = 2 * time.Second

// Run proves the promises that the engine relies on.
func Run(t *testing.T, s Suite) {
	t.Helper()
	if s.Patience == 0 {
		s.Patience = 20 * time.Second
	}
	log := &lockedBuffer{}
	s.In.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := &checker{Suite: s, log: log}
	t.Run("suite_shows_all_or_says_why_not", c.whole)
	t.Run("kind_is_a_word_that_can_be_stored", c.kind)
	t.Run("unknown_argument_is_refused_by_every_verb", c.strict)
	t.Run("describe_says_what_the_step_does", c.describe)
	t.Run("what_is_done_by_hand_holds_no_secret", c.byHand)
	t.Run("check_changes_nothing", c.checkChangesNothing)
	t.Run("ended_context_returns_promptly", c.cancelled)
	t.Run("failing_target_is_never_success_and_tells_no_secret", c.failing)
	t.Run("apply_then_verify_with_a_stored_memo", c.apply)
	c.leaks(t, "log", log.String())
}

type checker struct {
	Suite
	log *lockedBuffer
}

func (c *checker) kind(t *testing.T) {
	if k := c.Action.Kind(); !regexp.MustCompile(`^[a-z]+\.[a-z_]+$`).MatchString(k) {
		t.Errorf("kind %q is not like postgres.promote", k)
	}
}

func (c *checker) strict(t *testing.T) {
	in := c.In
	var args map[string]any
	if err := json.Unmarshal(in.With, &args); err != nil {
		t.Fatal(err)
	}
	args["no_such_argument"] = true
	raw, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	in.With = raw
	const name = "no_such_argument"
	named := func(verb string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v does not name the argument %s", verb, err, name)
		}
	}
	if d, ok := c.Action.(actions.Describer); ok {
		_, err := d.Describe(in)
		named("describe", err)
	} else {
		t.Error("the kind does not describe its steps: it must implement actions.Describer")
	}
	_, err = c.Action.Check(t.Context(), in)
	named("check", err)
	_, err = c.Action.Verify(t.Context(), in)
	named("verify", err)
	_, err = c.Action.Apply(t.Context(), in)
	named("apply", err)
	if _, refused := errors.AsType[*actions.RefusedError](err); !refused {
		t.Errorf("apply: error %v is no refusal, so the engine would have to find out whether anything happened", err)
	}
}

func (c *checker) describe(t *testing.T) {
	d, ok := c.Action.(actions.Describer)
	if !ok {
		return // said before
	}
	text, err := d.Describe(c.In)
	if err != nil || text == "" || strings.Contains(text, "\n") {
		t.Errorf("describe %q, error %v: want one line", text, err)
	}
	c.leaks(t, "summary", text)
}

// byHand holds the promises of actions.Handy: the words stand in the plan, so they are the same each time, in every phase,
// also of a target that cannot be reached.
func (c *checker) byHand(t *testing.T) {
	for i, a := range append([]actions.Action{c.Action}, c.Failing...) {
		h, ok := a.(actions.Handy)
		if !ok {
			continue
		}
		before := c.world(t)
		do, undo := h.ByHand(c.In)
		for _, line := range slices.Concat(do, undo) {
			if strings.TrimSpace(line) == "" {
				t.Errorf("%d: an empty line among %q and %q", i, do, undo)
			}
			c.leaks(t, "by hand", line)
		}
		again, undoAgain := h.ByHand(c.In)
		if !slices.Equal(do, again) || !slices.Equal(undo, undoAgain) {
			t.Errorf("%d: by hand %q and %q, then %q and %q: a plan's digest would change by itself", i, do, undo, again, undoAgain)
		}
		for _, with := range []string{`{"no_such_argument":1}`, `[]`} {
			in := c.In
			in.With = json.RawMessage(with)
			if do, undo := h.ByHand(in); do != nil || undo != nil {
				t.Errorf("%d: by hand %q and %q of the arguments %s", i, do, undo, with)
			}
		}
		if after := c.world(t); after != before {
			t.Errorf("%d: by hand changed the world:\n%s\nto\n%s", i, before, after)
		}
	}
}

func (c *checker) checkChangesNothing(t *testing.T) {
	before, already := c.world(t), false
	for _, phase := range []actions.Phase{actions.Propose, actions.Start, actions.Recover} {
		in := c.In
		in.Phase = phase
		ev, err := c.Action.Check(t.Context(), in)
		if err != nil {
			t.Fatalf("check: %v", err)
		}
		c.facts(t, ev)
		already = already || ev.Already
		if phase != actions.Recover {
			for _, f := range pointsman.Refusals(ev.Facts) {
				t.Errorf("the check refuses: %s", f.Sentence())
			}
		}
	}
	ev, err := c.Action.Verify(t.Context(), c.In) // before Apply it may not be able to tell
	c.all(t, "verify", ev, err)
	if err == nil && ev.Holds && !already && !c.OnlyLooks {
		if now, err := c.Action.Check(t.Context(), c.In); err != nil || !now.Already { // a server may have done it by itself meanwhile
			t.Errorf("verify holds before apply, and check does not say already: %+v", ev.Facts)
		}
	}
	if after := c.world(t); after != before {
		t.Errorf("check or verify changed the world:\n%s\nto\n%s", before, after)
	}
}

func (c *checker) cancelled(t *testing.T) {
	before := c.world(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	within := func(verb string, f func() error) {
		t.Helper()
		began := time.Now()
		err := f()
		if took := time.Since(began); took > promptly {
			t.Errorf("%s returned %s after its context had ended, limit %s", verb, took, promptly)
		}
		if err != nil {
			c.leaks(t, verb, err.Error())
		}
	}
	within("check", func() error { _, err := c.Action.Check(ctx, c.In); return err })
	within("verify", func() error { _, err := c.Action.Verify(ctx, c.In); return err })
	within("apply", func() error {
		ended, cancel := context.WithDeadline(t.Context(), time.Now())
		defer cancel()
		_, err := c.Action.Apply(ended, c.In)
		return err
	})
	if after := c.world(t); after != before {
		t.Errorf("verbs with an ended context changed the world:\n%s\nto\n%s", before, after)
	}
}

func (c *checker) apply(t *testing.T) {
	in := c.In
	in.Applied = time.Now()
	before := c.world(t)
	out, err := c.Action.Apply(t.Context(), in)
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	c.all(t, "apply", out, nil)
	if c.OnlyLooks {
		if after := c.world(t); after != before {
			t.Errorf("it only looks, and apply changed the world:\n%s\nto\n%s", before, after)
		}
	}
	if len(out.Memo) > 0 {
		// As a store keeps it: inside a document, decoded and encoded again.
		var kept struct{ Memo json.RawMessage }
		doc, err := json.Marshal(struct{ Memo json.RawMessage }{out.Memo})
		if err == nil {
			err = json.Unmarshal(doc, &kept)
		}
		if err != nil {
			t.Fatalf("memo %s cannot be stored: %v", out.Memo, err)
		}
		in.Memo = kept.Memo
	}
	deadline := time.Now().Add(c.Patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ev, err := c.Action.Verify(t.Context(), in)
		c.all(t, "verify", ev, err)
		if err == nil && ev.Holds {
			c.facts(t, ev)
			c.lostAfterApply(t, in)
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("verify does not hold after %s: %+v, error %v", c.Patience, ev.Facts, err)
		}
		<-tick.C
	}
}

// facts holds the form of evidence: every guard has a source, a time, and a whole sentence when it is not passed.
func (c *checker) facts(t *testing.T, ev pointsman.Evidence) {
	t.Helper()
	seen := map[string]bool{}
	for _, f := range ev.Facts {
		if f.Name == "" || f.Source == "" || f.At.IsZero() || f.Result == "" {
			t.Errorf("fact %+v needs name, source, time and result", f)
		}
		if seen[f.Key()] {
			t.Errorf("two facts are called %q", f.Key())
		}
		seen[f.Key()] = true
		if f.Kind != "" && f.Result != pointsman.Pass && f.Text == "" {
			t.Errorf("fact %q is %s and says no sentence", f.Key(), f.Result)
		}
		if f.Result == pointsman.Fail && f.Kind != pointsman.Warn && f.Kind != "" && f.Clears == "" {
			t.Errorf("fact %q does not say what would clear it", f.Key())
		}
	}
	c.all(t, "facts", ev, nil)
}

func (c *checker) world(t *testing.T) string {
	t.Helper()
	if c.World == nil {
		return ""
	}
	w, err := c.World(t.Context())
	if err != nil {
		t.Fatalf("world: %v", err)
	}
	return w
}

// all looks for secrets in what a verb returned.
func (c *checker) all(t *testing.T, what string, v any, err error) {
	t.Helper()
	raw, merr := json.Marshal(v)
	if merr != nil {
		t.Errorf("%s cannot be stored: %v", what, merr)
	}
	c.leaks(t, what, string(raw)+fmt.Sprintf("%+v", v))
	if err != nil {
		c.leaks(t, what+" error", err.Error())
	}
}

func (c *checker) leaks(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range c.Secrets {
		if strings.Contains(text, secret) {
			t.Errorf("%s holds a secret: %s", where, strings.ReplaceAll(text, secret, "<SECRET>"))
		}
	}
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
