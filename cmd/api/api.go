// Package api is the door for the command line and for other programs: the same requests, policy and digests as in
// Slack, over a Unix socket (the peer's uid is a configured person) or HTTP with a personal token.
package api

import (
	"context"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/pointsman/pointsman"
)

// Store is what the door needs of the store.
type Store interface {
	Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error)
	State(ctx context.Context, incident string) (pointsman.State, error)
	IncidentsBefore(ctx context.Context, incident string, open bool, limit int) ([]pointsman.Incident, error)
}

// Log is the part of the store that is the log.
type Log interface {
	Events(ctx context.Context, incident string, after int64, limit int) ([]pointsman.Logged, error)
	Note(ctx context.Context, events ...pointsman.Event) error
}

// People finds who is calling.
type People interface {
	ByToken(token string) (pointsman.Person, bool)
	ByUID(uid uint32) (pointsman.Person, bool)
}

// Desk knows the runbooks.
type Desk interface {
	// Offer resolves "postgres-failover orders" into an offer; what is wrong is in Offer.Problem or the error.
	Offer(runbook string, args []string) (pointsman.Offer, error)
	// Explain says which incident, runbooks and parameters an alert with these labels would lead to.
	Explain(labels map[string]string) string
}

// Switches are the kill switches.
type Switches interface {
	Status(ctx context.Context) ([]SwitchStatus, error)
	Engage(ctx context.Context, name, reason string, by pointsman.Actor, once string) (pointsman.Answer, error)
	Release(ctx context.Context, name, reason string, by pointsman.Actor, once string) (pointsman.Answer, error)
}

// SwitchStatus is a kill switch as last read. A stale one counts as engaged.
type SwitchStatus struct {
	Name    string `json:"name"`
	Engaged bool   `json:"engaged"`
	Stale   bool   `json:"stale"`
	Reason  string `json:"reason,omitempty"`
	Text    string `json:"text"`
}

// Exporter writes audit exports. An empty incident means the whole log; anchors are the sizes of checkpoints that were kept
// elsewhere, of which the export shall prove that the log continues them.
type Exporter interface {
	Export(ctx context.Context, w io.Writer, incident string, anchors []uint64) error
}

// Pages knows how far a page has come. That one is wanted wakes nobody.
type Pages interface {
	Paging(ctx context.Context, incident string) (pointsman.Paging, error)
}

// Server is the door. Pages is nil where nobody can be paged.
type Server struct {
	Store    Store
	Log      Log
	People   People
	Desk     Desk
	Switches Switches
	Pages    Pages
	Exporter Exporter
	Holds    Holds
	Names    Names
	Dry      Dry
	Silent   bool // nobody is told of anything: there is no Slack and no pager

	refused *refusals
}

// Register mounts the routes.
func (s *Server) Register(e *echo.Echo) {
	s.refused = newRefusals(s.Log)
	g := e.Group("/api/v1", s.identify, s.bound)
	g.GET("/incidents", s.incidents)
	g.GET("/incidents/:id", s.incident)
	g.GET("/incidents/:id/events", s.events)
	g.POST("/incidents/:id/update", s.update)
	g.POST("/incidents/:id/close", s.close)
	g.POST("/requests", s.request)
	g.POST("/votes", s.vote)
	g.POST("/rechecks", s.recheck)
	g.POST("/steer", s.steer)
	g.GET("/locks", s.held)
	g.POST("/protect/:verb", s.protect)
	g.GET("/routes", s.routes)
	g.GET("/runbooks/:name/plan", s.plan)
	g.GET("/kill-switches", s.switches)
	g.POST("/kill-switches/:name/:verb", s.turn)
	g.GET("/audit/export", s.export)
}

type callerKey struct{}

// identify finds the person behind the request: the peer of the Unix socket or the bearer of a personal token.
func (s *Server) identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		req := c.Request()
		by := pointsman.Actor{Door: pointsman.DoorHTTP, Ref: "from " + c.RealIP()}
		if uid, ok := PeerUID(req.Context()); ok {
			by = pointsman.Actor{Door: pointsman.DoorCLI, Ref: "uid " + utoa(uid)}
			if p, known := s.People.ByUID(uid); known {
				by.Person = p
			}
		}
		if token, says := Bearer(req); says {
			p, known := s.People.ByToken(token)
			if !known {
				return s.refuse(c, by, "the token is not one of a configured person")
			}
			by.Person, by.Ref = p, "token of "+p.ID
		}
		if !by.Known() {
			return s.refuse(c, by, "the caller ("+by.Ref+") is no person of the configuration; set people[].unix_uid, or send a personal token")
		}
		c.SetRequest(req.WithContext(context.WithValue(req.Context(), callerKey{}, by)))
		return next(c)
	}
}

func (s *Server) refuse(c echo.Context, by pointsman.Actor, why string) error {
	if err := s.refused.tell(c.Request().Context(), by, c.Request().Method+" "+c.Path(), why); err != nil {
		return c.JSON(http.StatusServiceUnavailable, problem("the refusal could not be written to the audit log"))
	}
	return c.JSON(http.StatusUnauthorized, problem(why))
}

func caller(c echo.Context) pointsman.Actor {
	by, _ := c.Request().Context().Value(callerKey{}).(pointsman.Actor)
	return by
}

func problem(text string) pointsman.Answer {
	return pointsman.Answer{Code: pointsman.CodeNotAllowed, Text: text}
}

// Status is the HTTP status of an answer, the one place where codes become statuses.
func Status(code pointsman.Code) int {
	switch code {
	case pointsman.CodeAccepted, pointsman.CodeCounted, pointsman.CodeDuplicate:
		return http.StatusOK
	case pointsman.CodeUnderway:
		return http.StatusAccepted
	case pointsman.CodeNotAllowed:
		return http.StatusForbidden
	case pointsman.CodeNotFound:
		return http.StatusNotFound
	case pointsman.CodeInvalid:
		return http.StatusUnprocessableEntity
	}
	return http.StatusConflict
}
