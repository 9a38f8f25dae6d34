package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/slack-go/slack"
)

// replies gives private answers: to the response address of the request if its host is allowed, else as an ephemeral
// message of the bot, else as its direct message.
type replies struct {
	api     *slack.Client
	client  *http.Client
	allowed []string
	log     *slog.Logger
}

func newReplies(cfg Config, api *slack.Client, client *http.Client, log *slog.Logger) *replies {
	r := &replies{api: api, client: client, log: log}
	for _, h := range cfg.ResponseHosts {
		r.allowed = append(r.allowed, origin(h))
	}
	if len(r.allowed) == 0 {
		r.allowed = []string{"https://hooks.slack.com"}
	}
	return r
}

// reader is whom a private answer is for.
type reader struct {
	url, channel, user, thread string
}

// tell sends the text, already escaped, to one person. It is not repeated: the card shows the state anyway.
func (r *replies) tell(ctx context.Context, to reader, text string, blocks ...slack.Block) {
	said := []slack.MsgOption{slack.MsgOptionText(text, false)}
	if len(blocks) > 0 {
		said = append(said, slack.MsgOptionBlocks(blocks...))
	}
	var ways []func(context.Context) error
	if r.mayUse(to.url) {
		ways = append(ways, func(ctx context.Context) error { return r.respond(ctx, to.url, text, blocks) })
	}
	if to.channel != "" {
		ways = append(ways, func(ctx context.Context) error {
			_, err := r.api.PostEphemeralContext(ctx, to.channel, to.user, append(said[:len(said):len(said)], inThread(to.thread)...)...)
			return err
		})
	}
	// A conversation without the bot takes nothing from it; the one that it has with the person does.
	ways = append(ways, func(ctx context.Context) error {
		_, _, err := r.api.PostMessageContext(ctx, to.user, said...)
		return err
	})
	for i, say := range ways {
		ctx, cancel := context.WithTimeout(ctx, callTimeout/time.Duration(len(ways))) // a way that hangs must leave time for the next
		err := say(ctx)
		cancel()
		if err == nil {
			return
		}
		r.log.WarnContext(ctx, "private answer not taken", "actor", to.user, "left", len(ways)-i-1, "err", err)
	}
}

func inThread(ts string) []slack.MsgOption {
	if ts == "" {
		return nil
	}
	return []slack.MsgOption{slack.MsgOptionTS(ts)}
}

// mayUse keeps a forged address from making us call a host of somebody's choice.
func (r *replies) mayUse(address string) bool {
	u, err := url.Parse(address)
	if address == "" || err != nil || u.User != nil {
		return false
	}
	return slices.Contains(r.allowed, u.Scheme+"://"+u.Host)
}

func (r *replies) respond(ctx context.Context, address, text string, blocks []slack.Block) error {
	body, err := json.Marshal(private(text, blocks...))
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return unanswered(err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	resp, err := r.client.Do(req)
	if err != nil {
		return unanswered(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answer: status %d", resp.StatusCode)
	}
	return nil
}

// unanswered leaves out the address: for half an hour whoever reads it, in a log, may write in the app's name, also over the
// card that was clicked.
func unanswered(err error) error {
	why, _ := unreached(err)
	return fmt.Errorf("answer: %w", why)
}

// private is the message that only one person sees; the card that was clicked stays as it is.
func private(text string, blocks ...slack.Block) map[string]any {
	m := map[string]any{"response_type": "ephemeral", "replace_original": false, "text": text}
	if len(blocks) > 0 {
		m["blocks"] = blocks
	}
	return m
}
