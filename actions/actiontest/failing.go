package actiontest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// whole: what a suite leaves out by an oversight would look like a promise that was kept.
func (c *checker) whole(t *testing.T) {
	if (c.World == nil) == (c.NoWorld == "") {
		t.Error("the suite needs World, or NoWorld with the reason")
	}
	if (len(c.Failing) == 0) == (c.NoFailing == "") {
		t.Error("the suite needs Failing, or NoFailing with the reason")
	}
}

// failing holds that unknown is never success: no verb may take a target for good that it cannot see.
func (c *checker) failing(t *testing.T) {
	for i, a := range c.Failing {
		ev, err := a.Check(t.Context(), c.In)
		c.all(t, fmt.Sprintf("failing %d: check", i), ev, err)
		if err == nil {
			c.seesNothing(t, i, ev)
		}
		Refusals(t, ev.Facts)
		ctx, cancel := context.WithTimeout(t.Context(), 2*promptly)
		out, err := a.Apply(ctx, c.In)
		cancel()
		c.all(t, fmt.Sprintf("failing %d: apply", i), out, err)
		if no, refused := errors.AsType[*actions.RefusedError](err); refused {
			Refusals(t, no.Facts)
		}
		in := c.In
		in.Memo = out.Memo
		c.holdsNot(t, i, a, in)
	}
}

// seesNothing holds what Check says of a target that it cannot see.
func (c *checker) seesNothing(t *testing.T, i int, ev pointsman.Evidence) {
	t.Helper()
	unseen := slices.ContainsFunc(ev.Facts, func(f pointsman.Fact) bool { return f.Result == pointsman.Fail || f.Result == pointsman.Unknown })
	switch {
	case ev.Already:
		t.Errorf("failing %d: the check says already; unknown is never success", i)
	case len(pointsman.Refusals(ev.Facts))+len(pointsman.Acknowledgements(ev.Facts)) > 0:
	case c.Unhindered == "":
		t.Errorf("failing %d: the check passes; unknown is never success", i)
	case !unseen:
		t.Errorf("failing %d: the check passes and no fact says that it could not see: %+v", i, ev.Facts)
	}
}

// lostAfterApply: the target is lost right after the effect. That it was asked for is no proof that it holds.
func (c *checker) lostAfterApply(t *testing.T, in actions.Input) {
	t.Helper()
	if c.MemoTells != "" {
		return
	}
	for i, a := range c.Failing {
		c.holdsNot(t, i, a, in)
	}
}

// holdsNot gives Verify a time of its own: of one that ended with Apply's it would be cut off, and prove nothing.
func (c *checker) holdsNot(t *testing.T, i int, a actions.Action, in actions.Input) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*promptly)
	defer cancel()
	ev, err := a.Verify(ctx, in)
	c.all(t, fmt.Sprintf("failing %d: verify", i), ev, err)
	if err == nil && ev.Holds {
		t.Errorf("failing %d: verify holds with the memo %q; unknown is never success: %+v", i, in.Memo, ev.Facts)
	}
}

// Refusals holds what stands in the way to guard G12: it names the rule, by its number or where it has none by its name, the
// value, the limit or a sentence in its place, and what would clear it, also where it could not be told.
func Refusals(t testing.TB, facts []pointsman.Fact) {
	t.Helper()
	for _, f := range slices.Concat(pointsman.Refusals(facts), pointsman.Acknowledgements(facts)) {
		if f.Guard+f.Name == "" || f.Value == "" || f.Limit == "" && f.Text == "" || f.Clears == "" || f.Source == "" || f.At.IsZero() {
			t.Errorf("%q is %s and does not say all of value %q, limit %q or sentence %q, source %q, time %s and what would clear it %q",
				f.Key(), f.Result, f.Value, f.Limit, f.Text, f.Source, f.At, f.Clears)
		}
	}
}
