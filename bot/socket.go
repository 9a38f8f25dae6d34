package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
	"golang.org/x/sync/errgroup"
)

// Listen is the door of Socket Mode: it dials Slack and handles what comes until the context ends. In mode http it
// only waits. The error says that Slack refuses the token, which no repetition cures.
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
	g, ctx := errgroup.WithContext(ctx)
	for range n {
		g.Go(func() error { return b.connection(ctx) })
	}
	err := g.Wait()
	b.Handler.Drain()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// connection keeps one connection alive.
func (b *Bot) connection(ctx context.Context) error {
	sm := socketmode.New(b.api, socketmode.OptionLog(quiet{b.log}))
	ended := make(chan error, 1)
	go func() { ended <- sm.RunContext(ctx) }()
	for {
		select {
		case err := <-ended:
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("slack socket mode: %w", err)
		case ev := <-sm.Events:
			switch ev.Type {
			case socketmode.EventTypeConnected:
				b.log.InfoContext(ctx, "slack connected")
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
	if out.after != nil {
		out.after(ctx)
	}
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
		return h.command(ctx, c)
	}
	return outcome{} // an event nobody asked for is acknowledged, or it would come again
}

// quiet takes the library's own lines, which are many, to the debug level.
type quiet struct{ log *slog.Logger }

// Output implements the library's logger.
func (q quiet) Output(_ int, line string) error {
	q.log.Debug("slack library", "text", strings.TrimSpace(line))
	return nil
}
