package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// locks lists everything that stands in the way of runs.
func (h *Handler) locks(ctx context.Context) outcome {
	held, err := h.deps.Holds.Held(ctx)
	if err != nil {
		return outcome{err: err}
	}
	lines := holdLines(held.Protections, h.deps.Now())
	for _, l := range held.Runs {
		lines = append(lines, fmt.Sprintf("🔒 %s · token %d", md(l.Sentence(), 300), held.Of(l.Target).Token))
	}
	if len(lines) == 0 {
		return reply("🟢 Nothing is locked or frozen.")
	}
	return reply(strings.Join(lines, "\n"))
}

// holdLines are the holds in force, the freeze first: who, since when, why, and what ends it. Alarms that stand are
// among them: until somebody has looked they hold the target's runs back.
func holdLines(all []pointsman.Protection, now time.Time) []string {
	var out []string
	for _, p := range all {
		if p.Alarm.Stands() {
			out = append(out, alarmIcon+" "+md(p.Told(), 400)+" · "+md(p.Means(), 300))
		}
		if p.Hold.Lasts(now) {
			out = append(out, fmt.Sprintf("%s %s · token %d · %s", holdIcon(p), md(p.Sentence(), 400), p.Token, md(p.Clears(), 120)))
		}
	}
	return out
}

const alarmIcon = "🚨" // an alarm is nobody's lock: something is wrong, and somebody has to look

func holdIcon(p pointsman.Protection) string {
	if p.Target == pointsman.Everything {
		return "🧊"
	}
	return "🔒"
}

// heldViews are what keeps the incident's runs away: first the alarm that it tells itself, then those of others on its target
// and what people hold.
func heldViews(all []pointsman.Protection, incident string, now time.Time) []HeldView {
	var own, others, holds []HeldView
	for _, p := range all {
		switch {
		case !p.Alarm.Stands():
		case p.Alarm.Incident == incident:
			text := p.Alarm.Text
			if !p.Alarm.Since.IsZero() {
				text += " (since " + pointsman.Moment(p.Alarm.Since) + ")"
			}
			own = append(own, HeldView{alarmIcon, text, lookFirst + ownAlarm})
		default:
			others = append(others, HeldView{alarmIcon, p.Told(), lookFirst + p.Means()})
		}
		if p.Hold.Lasts(now) {
			holds = append(holds, HeldView{holdIcon(p), p.Sentence(), p.Clears()})
		}
	}
	return slices.Concat(own, others, holds)
}

// What an alarm means to whoever has a card with a live button before them.
const (
	lookFirst = "look at the target before you approve anything; "
	ownAlarm  = "a run that was open when it came goes no further until a person who has looked lets it go on; it ends when the watch sees its end"
)

// held draws them, each with what ends it, however long the reason is.
func (c caps) held(all []HeldView) []slack.Block {
	var out []slack.Block
	for i, h := range all {
		if i == c.lists {
			return append(out, small(fmt.Sprintf("_… and %d more; %s lists them all_", len(all)-i, code("/pointsman locks", 30))))
		}
		out = append(out, section(h.Icon+" "+md(h.Text, heldText)+" · "+md(h.Ends, 300)))
	}
	return out
}

// heldText is how much is told of one, on a card of any size: an alarm names the nodes that write at its end.
const heldText = 260

// hold carries out lock, unlock, freeze and unfreeze. A time may stand before the reason: lock orders 2h vacuum full.
func (h *Handler) hold(ctx context.Context, w words, by pointsman.Actor, once string) outcome {
	c := pointsman.Protect{Verb: pointsman.Protective(w.verb), By: by, Once: once}
	args, target := w.args, ""
	if c.Verb == pointsman.Lockout || c.Verb == pointsman.Unlock {
		if len(args) == 0 {
			return reply("Which target? `/pointsman " + w.verb + " TARGET WHY`; `/pointsman locks` lists what is locked.")
		}
		target, args = args[0], args[1:]
	}
	if len(args) > 0 && (c.Verb == pointsman.Lockout || c.Verb == pointsman.Freeze) {
		if d, err := time.ParseDuration(args[0]); err == nil {
			c.For, args = d, args[1:]
		}
	}
	c.Reason = strings.Join(args, " ")
	ans, err := h.deps.Holds.Protect(ctx, target, c)
	if err != nil {
		return outcome{err: err}
	}
	return reply(mark(ans) + md(sentence(ans.Text), 1000))
}
