package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// The addresses that the Slack app is configured with in mode http.
const (
	InteractionsPath = "/slack/interactions"
	CommandsPath     = "/slack/commands"
)

// maxBody is far above what Slack sends: a click carries the message that was clicked.
const maxBody = 1 << 20

// Handler is what stands behind all doors to Slack: the two HTTP endpoints and Socket Mode. A request is verified,
// parsed, given to the store, and acknowledged after the commit. When the store does not answer it is not
// acknowledged, so that the person sees an error and clicks again.
type Handler struct {
	deps          Deps
	api           *slack.Client
	team, channel string
	signing       string
	replies       *replies
	refused       *refusals
	played        *replays
	often         *often
	metrics       *metrics
	log           *slog.Logger
	afterwards    sync.WaitGroup
}

// outcome is what became of a request.
type outcome struct {
	payload any                       // goes with the acknowledgement: the answer to a command, the faults of a form
	after   func(ctx context.Context) // runs after the acknowledgement: the private answer to a click
	err     error                     // nothing was decided
}

// Register mounts the endpoints of mode http. Without a signing secret nothing could be verified, so nothing is mounted.
func (h *Handler) Register(e *echo.Echo) {
	if h.signing == "" {
		return
	}
	e.POST(InteractionsPath, echo.WrapHandler(http.HandlerFunc(h.serveInteraction)))
	e.POST(CommandsPath, echo.WrapHandler(http.HandlerFunc(h.serveCommand)))
}

// Drain waits for answers that are still on their way to people.
func (h *Handler) Drain() { h.afterwards.Wait() }

func (h *Handler) serveInteraction(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r, "interaction", func(ctx context.Context, form url.Values) outcome {
		cb, err := interactionOf([]byte(form.Get("payload")))
		if err != nil {
			return h.unreadable(ctx, err)
		}
		return h.interaction(ctx, cb)
	})
}

func (h *Handler) serveCommand(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r, "command", func(ctx context.Context, form url.Values) outcome {
		get := form.Get
		return h.command(ctx, slack.SlashCommand{
			TeamID: get("team_id"), ChannelID: get("channel_id"), UserID: get("user_id"), Command: get("command"),
			Text: get("text"), ResponseURL: get("response_url"), TriggerID: get("trigger_id"),
		})
	})
}

// errUnreadable is a signed request that is not what Slack documents.
var errUnreadable = errors.New("the request is signed and cannot be read")

func (h *Handler) unreadable(ctx context.Context, err error) outcome {
	h.refused.tell(ctx, pointsman.Actor{Door: pointsman.DoorSlack}, "a signed request could not be read: "+err.Error())
	return outcome{err: errUnreadable}
}

// serve verifies and answers one HTTP request.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, kind string, handle func(context.Context, url.Values) outcome) {
	began := time.Now()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	if why := h.verify(r.Header, body); why != "" {
		h.refused.tell(r.Context(), pointsman.Actor{Door: pointsman.DoorSlack, Ref: "from " + host(r.RemoteAddr)}, why)
		h.metrics.answered(kind, "refused", began)
		http.Error(w, why, http.StatusUnauthorized)
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		http.Error(w, errUnreadable.Error(), http.StatusBadRequest)
		return
	}
	// Slack hangs up after three seconds; what was begun is finished all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), callTimeout)
	defer cancel()
	pointsman.Failpoint("click.verified", kind)
	out := h.guarded(ctx, func() outcome { return handle(ctx, form) })
	pointsman.Failpoint("click.decided", kind)
	h.metrics.answered(kind, result(out), began)
	defer h.later(out)
	switch {
	case errors.Is(out.err, errUnreadable):
		http.Error(w, errUnreadable.Error(), http.StatusBadRequest)
	case out.err != nil:
		h.played.forget(r.Header)
		h.log.ErrorContext(ctx, "slack request not decided", "kind", kind, "err", out.err)
		http.Error(w, "the store did not answer; try again", http.StatusServiceUnavailable)
	case out.payload != nil:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if err := json.NewEncoder(w).Encode(out.payload); err != nil {
			h.log.WarnContext(ctx, "acknowledgement not sent", "kind", kind, "err", err)
		}
	default:
		w.WriteHeader(http.StatusOK)
	}
}

func result(out outcome) string {
	if out.err != nil {
		return "error"
	}
	return "ok"
}

// guarded keeps a panic on one strange request from closing the door for all others.
func (h *Handler) guarded(ctx context.Context, fn func() outcome) (out outcome) {
	defer func() {
		if p := recover(); p != nil {
			h.log.ErrorContext(ctx, "panic on a slack request", "err", fmt.Sprint(p), "stack", string(debug.Stack()))
			out = outcome{err: errors.New("this request cannot be handled; the log has more")}
		}
	}()
	return fn()
}

// later sends the private answer after the acknowledgement.
func (h *Handler) later(out outcome) {
	if out.after == nil {
		return
	}
	h.afterwards.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		out.after(ctx)
	})
}

// verify checks the signature over the raw body, its age, and that it is seen for the first time; it returns why not.
// https://docs.slack.dev/authentication/verifying-requests-from-slack
func (h *Handler) verify(head http.Header, body []byte) string {
	v, err := slack.NewSecretsVerifier(head, h.signing)
	if err != nil {
		return "the request is not signed as Slack signs: " + reasonOf(err)
	}
	if _, err := v.Write(body); err != nil {
		return "the signature cannot be computed"
	}
	if err := v.Ensure(); err != nil {
		return "the signature is not Slack's"
	}
	if !h.played.first(head) {
		return "the same signed request came before; it is not carried out twice"
	}
	return ""
}

func reasonOf(err error) string {
	switch {
	case errors.Is(err, slack.ErrExpiredTimestamp):
		return "its time is more than 5 minutes away from ours"
	case errors.Is(err, slack.ErrMissingHeaders):
		return "the headers are missing"
	}
	return "the headers cannot be read"
}
