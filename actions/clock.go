package actions

import (
	"errors"
	"slices"
	"time"

	"github.com/pointsman/pointsman"
)

// Clock is the time of the store: what is stored, or compared with something stored, is told by it and never by the
// process's own wall clock. nil is the process's own, for tests and dry runs.
type Clock func() time.Time

// Now is the time.
func (c Clock) Now() time.Time {
	if c == nil {
		return time.Now()
	}
	return c()
}

// Until is how long it is until a stored time; negative when that is over.
func (c Clock) Until(t time.Time) time.Duration { return t.Sub(c.Now()) }

// Stored is by this clock what time.Now of this process read. A time that came from elsewhere has no monotonic reading
// and stays as it is.
func (c Clock) Stored(local time.Time) time.Time {
	//nolint:staticcheck // Equal would not see the monotonic reading, which is all that Round(0) drops
	if c == nil || local == local.Round(0) {
		return local
	}
	return c.Now().Add(-time.Since(local))
}

// stamped are the facts by this clock: their ages are told from it, perhaps by another process. The kinds measure with
// time.Now, and no kind need know of it.
func (c Clock) stamped(facts []pointsman.Fact) []pointsman.Fact {
	if c == nil {
		return facts
	}
	out := slices.Clone(facts)
	for i, f := range out {
		out[i].At = c.Stored(f.At)
	}
	return out
}

// stampedError stamps the facts of a refusal.
func (c Clock) stampedError(err error) error {
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		refused.Facts = c.stamped(refused.Facts)
	}
	return err
}
