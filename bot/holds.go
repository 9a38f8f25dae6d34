package bot

import (
	"context"
	"fmt"
	"strings"
	"time"

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
			out = append(out, "🚨 "+md(p.Told(), 400))
		}
		if !p.Hold.Lasts(now) {
			continue
		}
		icon := "🔒"
		if p.Target == pointsman.Everything {
			icon = "🧊"
		}
		out = append(out, fmt.Sprintf("%s %s · token %d · %s", icon, md(p.Sentence(), 400), p.Token, md(p.Clears(), 120)))
	}
	return out
}

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
