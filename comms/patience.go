package comms

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pointsman/pointsman"
)

// The waits between attempts. They double from the first; the ceiling is low, because what is told late during an
// outage is told for nothing.
const (
	firstWait   = 250 * time.Millisecond
	longestWait = 30 * time.Second
	// longestAsked bounds a Retry-After: nobody is left untold for a day because of a broken header.
	longestAsked = 15 * time.Minute
)

// settle turns the outcome of an attempt into what is stored about it. limit is the number of attempts after which a
// delivery is parked.
func settle(d pointsman.Delivery, ref string, err error, limit int, now time.Time) pointsman.Settlement {
	switch {
	case err == nil:
		return pointsman.Settlement{Sent: true, Ref: ref}
	case hopeless(err), d.Attempts >= limit:
		return pointsman.Settlement{Parked: true, Problem: problem(err)}
	}
	return pointsman.Settlement{RetryAt: now.Add(wait(d.Attempts, asked(err), rand.Float64())), Problem: problem(err)}
}

// askedOften is after how many attempts as much again is waited as was asked for. Who asks for a second may do so for hours:
// a message that waits for its turn in a storm, or for a card that Slack does not take. It must not be given up for that, and
// nothing waits longer for it than after a failure.
const askedOften = 16

// wait is the time until the next attempt. spread in [0,1) keeps many deliveries that failed together from coming
// back together; it never shortens what the other side asked for.
func wait(attempts int, asked time.Duration, spread float64) time.Duration {
	if asked > 0 {
		asked = min(asked, longestAsked)
		if asked < longestWait {
			asked = min(asked*time.Duration(1+attempts/askedOften), longestWait)
		}
		return asked + time.Duration(spread*float64(min(asked/10, time.Second)))
	}
	w := longestWait
	if n := max(attempts, 1) - 1; n < 16 {
		w = min(firstWait<<n, longestWait)
	}
	return w/2 + time.Duration(spread*float64(w/2))
}

// problem is the error as it is stored and shown, cut where a proxy answered with a whole page.
func problem(err error) string {
	const most = 500
	if r := []rune(err.Error()); len(r) > most {
		return fmt.Sprintf("%s… (%d characters)", string(r[:most]), len(r))
	}
	return err.Error()
}
