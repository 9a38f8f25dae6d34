package api

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pointsman/pointsman"
)

// Holds locks and unlocks targets, freezes and unfreezes everything.
type Holds interface {
	Held(ctx context.Context) (pointsman.Held, error)
	// Protect finds the target as typed; it is empty for freeze and unfreeze.
	Protect(ctx context.Context, target string, c pointsman.Protect) (pointsman.Answer, error)
}

func (s *Server) held(c echo.Context) error {
	h, err := s.Holds.Held(c.Request().Context())
	if err != nil {
		return unavailable(c, err)
	}
	return c.JSON(http.StatusOK, h)
}

func (s *Server) protect(c echo.Context) error {
	var in struct {
		Target, For, Reason string
		Token               int64
	}
	if ok, err := body(c, &in, words{"reason", &in.Reason}); !ok {
		return err
	}
	cmd := pointsman.Protect{
		Verb: pointsman.Protective(c.Param("verb")), Reason: in.Reason, Token: in.Token, By: caller(c), Once: once(c),
	}
	if in.For != "" {
		d, err := time.ParseDuration(in.For)
		if err != nil || d <= 0 { // zero means until somebody ends it, which is said by leaving it out
			return c.JSON(http.StatusUnprocessableEntity, pointsman.Answer{Code: pointsman.CodeInvalid, Text: "for " + in.For + " is no duration such as 2h or 90m"})
		}
		cmd.For = d
	}
	ans, err := s.Holds.Protect(c.Request().Context(), in.Target, cmd)
	return answered(c, ans, err)
}
