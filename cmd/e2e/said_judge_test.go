package e2e

import (
	"testing"
	"time"

	"github.com/pointsman/pointsman/bot/fakeslack"
)

// The judge of what is said twice tells a message that took its time from one that nobody looked for.
func TestWhoRepeatsMustHaveLooked(t *testing.T) {
	t.Parallel()
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	call := func(from, method string, ms int) fakeslack.Call {
		return fakeslack.Call{From: from, Method: method, At: at(ms)}
	}
	const look, post = "conversations.replies", "chat.postMessage"
	looks := func(c fakeslack.Call) bool { return c.Method == look }
	for name, c := range map[string]struct {
		calls         []fakeslack.Call
		first, second int
		want          bool
	}{
		"it looked, and the first one took effect after that":    {[]fakeslack.Call{call("b", look, 20), call("a", post, 10), call("b", post, 30)}, 1, 2, true},
		"it looked, and the first one took effect after its own": {[]fakeslack.Call{call("b", look, 20), call("b", post, 30), call("a", post, 10)}, 1, 2, true},
		"it did not look":                                              {[]fakeslack.Call{call("a", post, 10), call("b", post, 30)}, 0, 1, false},
		"it did not look, and was there first":                         {[]fakeslack.Call{call("b", post, 30), call("a", post, 10)}, 0, 1, false},
		"it looked when the first one was there":                       {[]fakeslack.Call{call("b", look, 5), call("a", post, 10), call("b", look, 20), call("b", post, 30)}, 1, 3, false},
		"only another one looked":                                      {[]fakeslack.Call{call("c", look, 20), call("a", post, 10), call("b", post, 30)}, 1, 2, false},
		"the later one repeats what was said, though it looked before": {[]fakeslack.Call{call("a", look, 5), call("a", post, 10), call("b", post, 30)}, 1, 2, false},
	} {
		if got := excused(c.calls, c.first, c.second, looks); got != c.want {
			t.Errorf("%s: excused %v, want %v", name, got, c.want)
		}
	}
}
