package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

// Listen is the door of Socket Mode: it dials Slack and handles what comes until the context ends. In mode http it
// only waits. A refused token is logged and tried again, because approving must go on by the other doors meanwhile.
//
// Nothing in Socket Mode is signed; whoever holds the app-level token is Slack. An envelope that is not acknowledged in
// time comes again, on any connection: each click is carried out once because its command names it.
func (b *Bot) Listen(ctx context.Context) error {
	if b.cfg.Mode == ModeHTTP {
		<-ctx.Done()
		return nil
	}
	n := b.cfg.Connections
	if n == 0 {
		n = 2 // Slack renews connections every few hours; clicks in the gap go to the other one
	}
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for again := time.NewTimer(0); ; again.Reset(redial) {
				select {
				case <-ctx.Done():
					return
				case <-again.C:
					b.connection(ctx)
				}
			}
		})
	}
	all.Wait()
	b.Handler.Drain()
	return nil
}

// redial is the pause after Slack refused a token. The library itself dials again after everything else.
const redial = 15 * time.Second

// connection keeps one connection alive until the context ends or Slack refuses the token.
func (b *Bot) connection(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sm := socketmode.New(b.api, socketmode.OptionLog(quiet{b.log}))
	ended := make(chan error, 1)
	go func() { ended <- sm.RunContext(ctx) }()
	open := false
	now := func(is bool) {
		if is != open {
			b.Handler.metrics.open.Add(map[bool]float64{true: 1, false: -1}[is])
		}
		open = is
	}
	defer now(false)
	for {
		select {
		case err := <-ended:
			if ctx.Err() == nil {
				b.log.ErrorContext(ctx, "slack refuses the connection", "err", err)
			}
			return
		case ev := <-sm.Events:
			switch ev.Type {
			case socketmode.EventTypeConnected:
				now(true)
				b.log.InfoContext(ctx, "slack connected")
			case socketmode.EventTypeConnecting, socketmode.EventTypeDisconnect:
				now(false)
			case socketmode.EventTypeConnectionError, socketmode.EventTypeIncomingError, socketmode.EventTypeErrorBadMessage:
				b.log.WarnContext(ctx, "slack connection", "err", fmt.Sprint(ev.Data))
			case socketmode.EventTypeInteractive, socketmode.EventTypeSlashCommand, socketmode.EventTypeEventsAPI:
				if ev.Request != nil {
					b.Handler.afterwards.Go(func() { b.envelope(ctx, sm, *ev.Request) })
				}
			}
		}
	}
}

// envelope handles one envelope and acknowledges it after the commit.
func (b *Bot) envelope(ctx context.Context, sm *socketmode.Client, req socketmode.Request) {
	began := time.Now()
	h := b.Handler
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	out := h.guarded(ctx, func() outcome { return h.unwrap(ctx, req) })
	h.metrics.answered(req.Type, result(out), began)
	if out.err == nil || errors.Is(out.err, errUnreadable) { // what cannot be read must not come again
		if err := sm.AckCtx(ctx, req.EnvelopeID, out.payload); err != nil {
			h.log.WarnContext(ctx, "acknowledgement not sent", "kind", req.Type, "err", err)
		}
	} else {
		h.log.ErrorContext(ctx, "slack request not decided", "kind", req.Type, "err", out.err)
	}
	h.later(out)
}

func (h *Handler) unwrap(ctx context.Context, req socketmode.Request) outcome {
	switch req.Type {
	case socketmode.RequestTypeInteractive:
		var cb slack.InteractionCallback
		if err := json.Unmarshal(req.Payload, &cb); err != nil {
			return h.unreadable(ctx, err)
		}
		return h.interaction(ctx, cb)
	case socketmode.RequestTypeSlashCommands:
		var c slack.SlashCommand
		if err := json.Unmarshal(req.Payload, &c); err != nil {
			return h.unreadable(ctx, err)
		}
		return h.fitting(h.command(ctx, c), reader{url: c.ResponseURL, channel: c.ChannelID, user: c.UserID})
	}
	return outcome{} // an event nobody asked for is acknowledged, or it would come again
}

// maxSocketAnswer is what an acknowledgement may carry: Slack drops one of 20,480 bytes without a word, and the envelope
// takes some of them.
const maxSocketAnswer = 20_000

// fitting sends an answer that is too large for the acknowledgement after it, in a request of its own.
func (h *Handler) fitting(out outcome, to reader) outcome {
	raw, err := json.Marshal(out.payload)
	answer, ok := out.payload.(map[string]any)
	if err != nil || !ok || len(raw) < maxSocketAnswer {
		return out
	}
	text, _ := answer["text"].(string)
	blocks, _ := answer["blocks"].([]slack.Block)
	then := out.after
	return outcome{after: func(ctx context.Context) {
		h.replies.tell(ctx, to, text, blocks...)
		if then != nil {
			then(ctx)
		}
	}}
}

// quiet takes the library's own lines, which are many, to the debug level.
type quiet struct{ log *slog.Logger }

// Output implements the library's logger.
func (q quiet) Output(_ int, line string) error {
	q.log.Debug("slack library", "text", strings.TrimSpace(line))
	return nil
}
