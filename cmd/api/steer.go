package api

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/pointsman/pointsman"
)

// steer takes a decision on an open run. Decisions about one step carry "at", the Run.Mark of where the person saw the
// run stand: without it, "done" would mark whatever step the run has reached by the time the request arrives. Accept also
// carries the digest of the question, which has the figures in it.
func (s *Server) steer(c echo.Context) error {
	var in struct{ Run, Verb, At, Digest, Reason string }
	if ok, err := body(c, &in, words{"reason", &in.Reason}); !ok {
		return err
	}
	in.Digest = strings.ToLower(in.Digest)
	if why := oddDigest(in.Digest); why != "" && in.Digest != "" {
		return invalid(c, "nothing was changed: "+why)
	}
	verb := pointsman.Verb(in.Verb)
	short := !strings.Contains(in.Run, "/") // INC-7 means its open run, which may be another one than was seen, or the last
	if short || verb.Exact() && in.At == "" || verb == pointsman.VerbAccept && in.Digest == "" {
		r, found, err := s.runOf(c, in.Run)
		switch {
		case err != nil:
			return unavailable(c, err)
		case !found, verb.Exact() && r.State.Terminal():
			return c.JSON(http.StatusNotFound, pointsman.Answer{Code: pointsman.CodeNotFound, Text: in.Run + " has no open run"})
		case verb.Exact():
			ans := pointsman.Answer{Code: pointsman.CodeInvalid, ID: r.ID, Text: r.Asks(verb)}
			return c.JSON(Status(ans.Code), ans)
		}
		in.Run = r.ID
	}
	return s.do(c, pointsman.Steer{Run: in.Run, Verb: verb, Mark: in.At, Digest: in.Digest, Reason: in.Reason, By: caller(c), Once: once(c)})
}

// runOf finds the run that an id means: INC-7/R1 itself, or of INC-7 the open one, or the last: whoever repeats an order whose
// answer was lost is told what became of it, also where it ended the run.
func (s *Server) runOf(c echo.Context, id string) (pointsman.Run, bool, error) {
	st, err := s.Store.State(c.Request().Context(), pointsman.IncidentOf(id))
	if err != nil {
		return pointsman.Run{}, false, err
	}
	if r, ok := st.Run(id); ok {
		return r, true, nil
	}
	if len(st.Runs) == 0 || strings.Contains(id, "/") {
		return pointsman.Run{}, false, nil
	}
	if r, open := st.OpenRun(); open {
		return r, true, nil
	}
	return st.Runs[len(st.Runs)-1], true, nil
}
