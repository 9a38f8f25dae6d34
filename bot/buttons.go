package bot

import (
	"strconv"
	"strings"

	"github.com/slack-go/slack"
)

// The action ids. Slack sends them back with a click; they are stored in messages of the past, so none is renamed.
const (
	doApprove = "approve"
	doDeny    = "deny"
	doRecheck = "recheck"
	doMore    = "more" // the overflow menu; the option's value says what
	doRetry   = "retry"
	doDone    = "done"
	doAbort   = "abort"
	doPause   = "pause"
	doStop    = "stop"
	doResume  = "resume"
	doSkip    = "skip"
	doUpdate  = "update"
	doPlan    = "plan"
	doClose   = "close"

	doUngraceful = "ungraceful"
	doAccept     = "accept"
)

// route is what a button carries: where the click belongs and what the person saw when they clicked. It gives no
// right to anything; the server looks everything up again.
type route struct {
	ID     string // proposal, run or incident
	Digest string // the first 12 digits of the plan, or of the question, that was shown; empty for runs
	Mark   string // the card's generation, or step and attempt of a run: "3.1"
}

func (r route) String() string { return r.ID + " " + dash(r.Digest) + " " + dash(r.Mark) }

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func parseRoute(s string) (route, bool) {
	f := strings.Fields(s)
	if len(f) != 3 || len(s) > 75 || !strings.HasPrefix(f[0], "INC-") {
		return route{}, false
	}
	undash := func(s string) string {
		if s == "-" {
			return ""
		}
		return s
	}
	return route{ID: f[0], Digest: undash(f[1]), Mark: undash(f[2])}, true
}

func button(id, text, value string, style slack.Style) *slack.ButtonBlockElement {
	return slack.NewButtonBlockElement(id, value, plain(text, maxButton)).WithStyle(style)
}

// confirmed asks once more; the text names the target, the plan and the figures that are accepted.
func confirmed(b *slack.ButtonBlockElement, title, text, yes string) *slack.ButtonBlockElement {
	return b.WithConfirm(slack.NewConfirmationBlockObject(plain(title, 100), plain(text, maxConfirm), plain(yes, 30), plain("Not now", 30)))
}

// menu is the overflow: what is needed less often than the two obvious buttons.
func menu(options ...*slack.OptionBlockObject) *slack.OverflowBlockElement {
	return slack.NewOverflowBlockElement(doMore, options...)
}

// option carries its verb before the route.
func option(do, text string, r route) *slack.OptionBlockObject {
	return slack.NewOptionBlockObject(do+" "+r.String(), plain(text, 75), nil)
}

func number(n int) string { return strconv.Itoa(n) }
