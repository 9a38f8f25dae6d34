package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/pointsman/pointsman"
)

// Names ties the name of a request to what was asked under it.
type Names interface {
	// Bind reports whether asked is what the name was given to the first time.
	Bind(ctx context.Context, once, asked string) (bool, error)
}

// bound refuses a name that belongs to another request. Who goes back in the history of the shell and turns approve into
// deny keeps the name, and would be told that it was done: with the answer to the approval.
func (s *Server) bound(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		req, name := c.Request(), once(c)
		if name == "" || req.Method != http.MethodPost {
			return next(c)
		}
		sent, err := io.ReadAll(http.MaxBytesReader(c.Response(), req.Body, maxBody))
		if err != nil {
			return c.JSON(http.StatusBadRequest, pointsman.Answer{Code: pointsman.CodeInvalid, Text: "the body cannot be read: " + err.Error()})
		}
		req.Body = io.NopCloser(bytes.NewReader(sent))
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %s\n%s", req.Method, req.URL.EscapedPath(), sent))
		same, err := s.Names.Bind(req.Context(), name, hex.EncodeToString(sum[:]))
		switch {
		case err != nil:
			return unavailable(c, err)
		case !same:
			return c.JSON(http.StatusUnprocessableEntity, pointsman.Answer{Code: pointsman.CodeInvalid, Text: fmt.Sprintf(
				"nothing was done: the name %s was given to another request; repeat that one word for word, or give this one a name of its own", req.Header.Get("Idempotency-Key"))})
		}
		return next(c)
	}
}
