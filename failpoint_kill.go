//go:build failpoints

package pointsman

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Failpoint ends the process by SIGKILL, as a loss of power would, or stops it by SIGSTOP, as a hypervisor that moves a
// machine would, when it is passed at the place that the variable POINTSMAN_FAILPOINT names. It exists in builds with
// the tag failpoints only, which are for tests. The variable is
//
//	PLACE [ABOUT] [#N] [=stop]
//
// "commit.after CastVote #3" is the third vote that was committed and not yet answered; "step.before-apply =stop" stops
// the process instead of ending it, once. ABOUT is a word, or the type of a command; without it every one counts.
func Failpoint(place string, about any) {
	if !armed.at(place, about) || passed.Add(1) != armed.after {
		return
	}
	self := os.Getpid()
	if armed.stop {
		_ = syscall.Kill(self, syscall.SIGSTOP) // goes on with SIGCONT
		return
	}
	_ = syscall.Kill(self, syscall.SIGKILL)
	select {} // the signal is on its way
}

var (
	armed  = readFailpoint(os.Getenv("POINTSMAN_FAILPOINT"))
	passed atomic.Int64
)

type failpoint struct {
	place, about string
	after        int64
	stop         bool
}

func readFailpoint(text string) failpoint {
	f := failpoint{after: 1}
	for i, word := range strings.Fields(text) {
		n, isCount := strings.CutPrefix(word, "#")
		switch {
		case isCount:
			f.after, _ = strconv.ParseInt(n, 10, 64) // of a wrong number nothing is ever the Nth
		case word == "=stop":
			f.stop = true
		case i == 0:
			f.place = word
		default:
			f.about = word
		}
	}
	return f
}

func (f failpoint) at(place string, about any) bool {
	if f.place != place {
		return false
	}
	if f.about == "" {
		return true
	}
	if word, ok := about.(string); ok {
		return word == f.about
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", about), "pointsman.") == f.about
}
