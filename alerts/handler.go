package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/semaphore"

	"github.com/pointsman/pointsman"
)

// Path is where Alertmanager posts.
const Path = "/api/v1/alertmanager"

// Decider carries out the commands of one webhook, in order, and answers each after their commit. After an error the
// rest waits for the repetition: what is stored already is recognised by fingerprint and start.
type Decider interface {
	Receive(ctx context.Context, cmds []pointsman.ReceiveAlerts) ([]pointsman.Answer, error)
}

// Noter appends events that belong to no incident.
type Noter interface {
	Note(ctx context.Context, events ...pointsman.Event) error
}

const (
	// inFlight bounds the webhooks that are read at the same time, by their size: above it the answer is 503, which
	// Alertmanager repeats (a 429 it would not).
	inFlight = 256 << 20
	// least is what even the smallest webhook counts for.
	least = 64 << 10
	// patience bounds a store that hangs; Alertmanager asks again.
	patience = 10 * time.Second
	// pause is what Retry-After says. Alertmanager ignores it, proxies do not.
	pause = 5 * time.Second
)

// Handler is the endpoint for Alertmanager's webhook.
type Handler struct {
	store   Decider
	refuse  *refusals
	log     *slog.Logger
	limit   int64
	room    *semaphore.Weighted
	current atomic.Pointer[settings]
	flood   *flood
}

// settings are what a reload replaces.
type settings struct {
	lock   *lock
	router *Router
}

// New makes the endpoint. It reads the token files and the client authority; the error names the file. now is
// the store's clock, nil the process's own; a nil log discards.
func New(cfg Config, router *Router, store Decider, notes Noter, now func() time.Time, log *slog.Logger) (*Handler, error) {
	if now == nil {
		now = time.Now
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{
		store: store, refuse: newRefusals(notes, log), log: log, limit: MaxBody,
		room: semaphore.NewWeighted(inFlight), flood: newFlood(now),
	}
	return h, h.Reload(cfg, router)
}

// Reload takes a new configuration for the requests that come from now on; after an error the old one stays.
func (h *Handler) Reload(cfg Config, router *Router) error {
	l, err := newLock(cfg)
	if err != nil {
		return err
	}
	h.current.Store(&settings{lock: l, router: router})
	return nil
}

// Register adds the endpoint to e.
func (h *Handler) Register(e *echo.Echo) { e.POST(Path, h.Receive) }

// reply is the body of every answer.
type reply struct {
	Status    string   `json:"status"` // "ok" or "error"
	Text      string   `json:"text"`
	Incidents []string `json:"incidents,omitempty"`
}

// Receive takes one webhook: 200 after everything in it is stored; 401 for a stranger; 400 for a body that is not
// JSON; 503 for everything that a repetition can cure.
func (h *Handler) Receive(c echo.Context) error {
	req := c.Request()
	now := h.current.Load()
	if ok, why := now.lock.admit(req); !ok {
		h.refuse.tell(req.Context(), req.RemoteAddr, why)
		c.Response().Header().Set("WWW-Authenticate", `Bearer realm="pointsman"`)
		return c.JSON(http.StatusUnauthorized, reply{Status: "error", Text: why})
	}
	weight := h.weight(req.ContentLength)
	if !h.room.TryAcquire(weight) {
		return later(c, "too many webhooks are being stored at this moment; send it again")
	}
	defer h.room.Release(weight)

	m, err := decode(req.Body, h.limit)
	if errors.Is(err, errNotJSON) {
		h.refuse.tell(req.Context(), req.RemoteAddr, line(err.Error(), 200))
		return c.JSON(http.StatusBadRequest, reply{Status: "error", Text: err.Error()})
	}
	if err != nil {
		return later(c, "the body did not arrive as a whole; send it again")
	}
	return h.keep(c, now.router, m)
}

// keep stores the message and answers.
func (h *Handler) keep(c echo.Context, router *Router, m Message) error {
	// A sender that hangs up now would send all of it again; what it sent is complete and can be stored.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), patience)
	defer cancel()
	text := pointsman.Count(len(m.Alerts), "alert") + " stored"
	if m.Cut {
		much := fmt.Sprintf("is larger than %d MiB", h.limit>>20)
		if len(m.Alerts) == maxAlerts {
			much = fmt.Sprintf("has more than %d alerts", maxAlerts)
		}
		text = fmt.Sprintf("the webhook %s: only its first part is stored (%s), the rest is lost; set max_alerts in the Alertmanager receiver", much, pointsman.Count(len(m.Alerts), "alert"))
		h.refuse.tell(ctx, c.Request().RemoteAddr, text)
	}
	cmds, err := h.commands(router, m)
	if err != nil {
		return later(c, err.Error())
	}
	pointsman.Failpoint("webhook.read", "")
	ids, err := h.carryOut(ctx, cmds)
	pointsman.Failpoint("webhook.stored", "")
	if err != nil {
		h.log.ErrorContext(ctx, "webhook not stored", "err", err, "alerts", len(m.Alerts))
		return later(c, "the alerts cannot be stored at this moment; send them again")
	}
	h.flood.done(m)
	return c.JSON(http.StatusOK, reply{Status: "ok", Text: text, Incidents: ids})
}

// commands sorts the message; a panic on one strange message must not take the door away from all others.
func (h *Handler) commands(router *Router, m Message) (cmds []pointsman.ReceiveAlerts, err error) {
	defer func() {
		if p := recover(); p != nil {
			h.log.Error("panic on a webhook", "err", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = errors.New("this webhook cannot be handled; see the log of the server")
		}
	}()
	if len(m.Alerts) == 0 {
		return h.flood.unreadable(m, router.unread()), nil
	}
	return append(router.Commands(m), h.flood.over(m)...), nil
}

// carryOut carries the commands out and returns the incidents that they are about.
func (h *Handler) carryOut(ctx context.Context, cmds []pointsman.ReceiveAlerts) ([]string, error) {
	answers, err := h.store.Receive(ctx, cmds)
	if err != nil {
		return nil, err
	}
	var ids []string
	for i, ans := range answers {
		if !ans.OK() {
			return nil, fmt.Errorf("incident %s: %s", cmds[i].Key, ans.Text)
		}
		if ans.ID != "" && (len(ids) == 0 || ids[len(ids)-1] != ans.ID) {
			ids = append(ids, ans.ID)
		}
	}
	return ids, nil
}

// weight is what a body counts for: its announced length, and the most it can be where none is announced.
func (h *Handler) weight(length int64) int64 {
	if length < 0 || length > h.limit {
		return h.limit
	}
	return max(length, least)
}

func later(c echo.Context, text string) error {
	c.Response().Header().Set("Retry-After", strconv.Itoa(int(pause.Seconds())))
	return c.JSON(http.StatusServiceUnavailable, reply{Status: "error", Text: text})
}
