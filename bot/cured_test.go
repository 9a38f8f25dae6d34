package bot

import (
	"errors"
	"math"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
)

// answers makes the next n calls by which something is said, or looked for, be refused with the code.
func (w *world) answers(n int, code fakeslack.Mode) {
	for _, method := range []string{"chat.postMessage", "chat.update", "conversations.history"} {
		w.slack.FailNext(method, n, code)
	}
}

// refused has Slack answer with the code until cured, and makes three attempts.
func (w *world) refused(code string) {
	w.t.Helper()
	w.answers(math.MaxInt, fakeslack.Mode(code))
	for range 3 {
		d := w.head()
		d.Attempts++
		ref, err := w.bot.Sender.Send(w.t.Context(), *d)
		var never interface{ Permanent() bool }
		if err == nil || errors.As(err, &never) {
			w.t.Fatalf("attempt %d: sent as %q with error %v, want to try again", d.Attempts, ref, err)
		}
	}
}

// cured checks that the one card shows how it stands when Slack takes messages again.
func (w *world) cured(says string) {
	w.t.Helper()
	w.answers(0, "")
	if parked := w.flush(); len(parked) != 0 {
		w.t.Errorf("given up: %v", parked)
	}
	if m := w.oneCard(); !m.Says(says) {
		w.t.Errorf("the card does not show %q:\n%s", says, w.room.Channel)
	}
}

// A token is rotated or the bot is taken out of the channel, and at night an alert fires. Whoever mends it must find the
// incident in Slack, and as it stands by then.
func TestWhatAnOperatorCuresIsSaidAfterTheCure(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope", "no_permission", "org_login_required",
		"ekm_access_denied", "channel_not_found", "not_in_channel", "is_archived", "restricted_action",
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.bot.Sender.pace = newPace(1000) // refused attempts take turns, too
			w.tell(webhook(primaryDown(pointsman.AlertFiring)))
			w.refused(code)
			w.tell(pointsman.Ready{
				Proposal: "INC-7/P1", Generation: 1, Plan: encoded(t, failover(needs(2))), Facts: (&tale{t: t, now: w.now}).facts(), Eligible: []string{"Ana Ruiz"},
			})
			w.cured("Approvals")
			w.room.WaitMessage("PrimaryDown", "Approvals").Click("U0ANA", "Approve")
			w.refused(code)
			w.cured("Approvals 1 of 2")
		})
	}
}
