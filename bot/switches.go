package bot

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

// killswitch handles its subcommands. Engaging is the safe direction and takes one sentence; releasing is asked for here
// and approved by others.
func (h *Handler) killswitch(ctx context.Context, w words, by pointsman.Actor, to reader, trigger, once string) outcome {
	verb, name := strings.ToLower(w.at(0)), w.at(1)
	switch verb {
	case "", "status":
		return h.switchStatus(ctx)
	case doEngage, doRelease:
		if name == "" {
			return reply("Which one? `/pointsman killswitch " + verb + " NAME WHY`")
		}
		if reason := w.rest(2); reason != "" {
			return h.turn(ctx, verb, name, reason, by, to, once, false)
		}
		return h.ask(ctx, trigger, form{Do: verb, Name: cut(name, 80)}, by, to)
	}
	return reply("I do not know " + code("killswitch "+verb, 60) + ". Write `/pointsman killswitch` to see them all, `killswitch engage NAME WHY` or `killswitch release NAME WHY`.")
}

func (h *Handler) switchStatus(ctx context.Context) outcome {
	all, err := h.deps.Switches.Status(ctx)
	if err != nil {
		return outcome{err: err}
	}
	if len(all) == 0 {
		return reply("No kill switch is configured.")
	}
	lines := []string{"*Kill switches*"}
	for _, s := range all {
		state := "🟢 released"
		switch {
		case s.Stale:
			state = "🔴 *unknown, counts as engaged*"
		case s.Engaged:
			state = "🔴 *engaged*"
		}
		l := state + " · " + md(s.Name, 60)
		if s.Reason != "" && !strings.Contains(s.Text, s.Reason) {
			l += " · " + md(s.Reason, 200)
		}
		if s.Text != "" {
			l += " · " + md(strings.TrimPrefix(s.Text, s.Name+" is "), 300)
		}
		lines = append(lines, l)
	}
	return reply(strings.Join(lines, "\n"))
}

// patience is how long an acknowledgement waits for the outcome of a kill switch, below Slack's three seconds.
const patience = 2200 * time.Millisecond

// turn engages or releases. It is several commands and a read-back, and so may outlast Slack's patience: then the
// acknowledgement says that nothing is known yet, and the answer follows privately.
func (h *Handler) turn(ctx context.Context, verb, name, reason string, by pointsman.Actor, to reader, once string, inForm bool) outcome {
	type done struct {
		ans pointsman.Answer
		err error
	}
	result := make(chan done, 1)
	h.afterwards.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
		defer cancel()
		do := h.deps.Switches.Engage
		if verb == doRelease {
			do = h.deps.Switches.Release
		}
		ans, err := do(ctx, name, reason, by, once)
		result <- done{ans, err}
	})
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case d := <-result:
		if inForm {
			return h.formAnswer(d.ans, d.err, to)
		}
		return reply(md(turned(name, d.ans, d.err), 1000))
	case <-t.C:
	}
	out := h.said(to, func() string {
		d := <-result
		return turned(name, d.ans, d.err)
	})
	if !inForm {
		out.payload = private("⏳ At work on " + code(name, 60) + "; nothing is known yet, the answer follows here.")
	}
	return out
}

// turned tells the outcome. After an error nobody knows whether the switch changed, and nobody may believe that it did.
func turned(name string, ans pointsman.Answer, err error) string {
	if err != nil {
		return "✋ It is not known whether " + name + " changed: the store did not answer. Look with /pointsman killswitch, then repeat it."
	}
	return mark(ans) + sentence(ans.Text)
}

// said is a private answer that is still being found.
func (h *Handler) said(to reader, text func() string) outcome {
	return outcome{after: func(ctx context.Context) {
		found := text() // may have taken all of the time, and that nothing is known must be said too
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
		defer cancel()
		h.replies.tell(ctx, to, md(found, 2500))
	}}
}

func asError(err error) (*pointsman.Error, bool) { return errors.AsType[*pointsman.Error](err) }
