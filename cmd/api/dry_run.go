package api

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/pointsman/pointsman"
)

// Dry is the dry run: it resolves a runbook and runs its checks as a proposal's would be, and stores nothing.
type Dry interface {
	// Plan answers other than OK where the offer cannot be proposed at all. The error is that of a store that does not answer.
	Plan(ctx context.Context, offer pointsman.Offer, by pointsman.Actor) (Planned, pointsman.Answer, error)
}

// Planned is the proposal as it would stand if the person asked for it now. Nobody can vote on it: it is in no incident.
type Planned struct {
	Proposal pointsman.Proposal
	Held     pointsman.Held // what stands at its target now, and the freeze
}

// plan answers GET /api/v1/runbooks/NAME/plan?arg=orders&arg=mode=drill: the words are those that "run NAME" takes.
func (s *Server) plan(c echo.Context) error {
	args, _ := pointsman.InIncident(c.QueryParams()["arg"]) // of a dry run no incident knows
	offer, err := s.Desk.Offer(c.Param("name"), args)
	if err != nil {
		return c.JSON(http.StatusUnprocessableEntity, pointsman.Answer{Code: pointsman.CodeInvalid, Text: err.Error()})
	}
	p, ans, err := s.Dry.Plan(c.Request().Context(), offer, caller(c))
	switch {
	case err != nil:
		return unavailable(c, err)
	case !ans.OK():
		return c.JSON(Status(ans.Code), ans)
	}
	return c.JSON(http.StatusOK, p)
}
