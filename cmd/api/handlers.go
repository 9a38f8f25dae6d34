package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/pointsman/pointsman"
)

// do hands the command to the store and gives its answer with the fitting status.
func (s *Server) do(c echo.Context, cmd pointsman.Command) error {
	res, err := s.Store.Do(c.Request().Context(), cmd)
	return answered(c, res.Answer, err)
}

// CodeUnknown says that whether the command was carried out is not known: its word is lost between us and the store.
const CodeUnknown pointsman.Code = "unknown"

// answered gives the answer to a command. After an error nobody knows whether it was carried out: the store may have done
// it, and only its word that it did is lost.
func answered(c echo.Context, ans pointsman.Answer, err error) error {
	if _, ours := errors.AsType[*pointsman.Error](err); ours {
		return unavailable(c, err)
	}
	if err != nil {
		return c.JSON(http.StatusServiceUnavailable, pointsman.Answer{
			Code: CodeUnknown, Text: "it is not known whether this was done, the store did not answer; look before you repeat it: " + err.Error(),
		})
	}
	return c.JSON(Status(ans.Code), ans)
}

func unavailable(c echo.Context, err error) error {
	if e, ok := errors.AsType[*pointsman.Error](err); ok && e.Code == pointsman.CodeNotFound {
		return c.JSON(http.StatusNotFound, pointsman.Answer{Code: e.Code, Text: e.Error()})
	} else if ok && e.Code == pointsman.CodeNewer { // another replica may be that version: ask again
		return c.JSON(http.StatusServiceUnavailable, pointsman.Answer{Code: e.Code, Text: "nothing was changed: " + e.Error()})
	}
	return c.JSON(http.StatusServiceUnavailable, pointsman.Answer{Code: "unavailable", Text: "nothing was changed, the store did not answer: " + err.Error()})
}

// maxBody is far above what a person writes, and bounds what is read of anybody.
const maxBody = 1 << 20

// body decodes the JSON body into v and answers 400 itself where it cannot. A key that nobody knows is refused: whoever wrote
// until in the place of for would lock without an end. What a person wrote in it is made fit to be read by others.
func body(c echo.Context, v any, written ...words) (bool, error) {
	d := json.NewDecoder(http.MaxBytesReader(c.Response(), c.Request().Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if errors.Is(err, io.EOF) {
		return true, nil // no body: nothing is said
	}
	if kind := c.Request().Header.Get(echo.HeaderContentType); err == nil && !strings.HasPrefix(kind, echo.MIMEApplicationJSON) {
		err = fmt.Errorf("it is called %q, want %s", kind, echo.MIMEApplicationJSON) // what a page in a browser may send unasked is never called so
	}
	if err != nil {
		return false, c.JSON(http.StatusBadRequest, pointsman.Answer{Code: pointsman.CodeInvalid, Text: "the body is not the expected JSON: " + err.Error()})
	}
	for _, w := range written {
		if why := w.fit(); why != "" {
			return false, invalid(c, "nothing was done: "+why)
		}
	}
	return true, nil
}

func once(c echo.Context) string {
	key := c.Request().Header.Get("Idempotency-Key")
	if key == "" {
		return ""
	}
	return "api/" + caller(c).Person.ID + "/" + key
}

// IncidentsAtOnce bounds one answer; ?before=INC-7 brings the older ones.
const IncidentsAtOnce = 200

func (s *Server) incidents(c echo.Context) error {
	list, err := s.Store.IncidentsBefore(c.Request().Context(), c.QueryParam("before"), c.QueryParam("all") == "", IncidentsAtOnce)
	if err != nil {
		return unavailable(c, err)
	}
	return c.JSON(http.StatusOK, list)
}

// Incident is one as it stands, with how far its newest page has come where somebody is to be woken.
type Incident struct {
	pointsman.State
	Paging *pointsman.Paging `json:",omitempty"`
}

func (s *Server) incident(c echo.Context) error {
	st, err := s.Store.State(c.Request().Context(), c.Param("id"))
	if err != nil {
		return unavailable(c, err)
	}
	st.Proposals = st.Shown()
	out := Incident{State: st}
	if page := st.Incident.Page; page == pointsman.PageTriggered || page == pointsman.PageAcknowledged {
		p := pointsman.Paging{Nobody: s.Pages == nil}
		if s.Pages != nil {
			if p, err = s.Pages.Paging(c.Request().Context(), st.Incident.ID); err != nil {
				return unavailable(c, err)
			}
		}
		out.Paging = &p
	}
	return c.JSON(http.StatusOK, out)
}

func (s *Server) events(c echo.Context) error {
	if _, err := s.Store.State(c.Request().Context(), c.Param("id")); err != nil {
		return unavailable(c, err) // of an incident that is not there nothing is said, which must not be read as: nothing happened
	}
	after, _ := strconv.ParseInt(c.QueryParam("after"), 10, 64) // absent or odd: from the beginning
	list, err := s.Log.Events(c.Request().Context(), c.Param("id"), after, 1000)
	if err != nil {
		return unavailable(c, err)
	}
	return c.JSON(http.StatusOK, list)
}

func (s *Server) update(c echo.Context) error {
	var in struct{ Text string }
	if ok, err := body(c, &in, words{"update", &in.Text}); !ok {
		return err
	}
	res, err := s.Store.Do(c.Request().Context(), pointsman.WriteUpdate{Incident: c.Param("id"), Text: in.Text, By: caller(c), Once: once(c)})
	if s.Silent && err == nil && res.Answer.OK() {
		res.Answer.Text += ". It is sent to nobody: Slack is off and no PagerDuty service is configured"
	}
	return answered(c, res.Answer, err)
}

func (s *Server) close(c echo.Context) error {
	var in struct{ Reason string }
	if ok, err := body(c, &in, words{"reason", &in.Reason}); !ok {
		return err
	}
	return s.do(c, pointsman.CloseIncident{Incident: c.Param("id"), Reason: in.Reason, By: caller(c), Once: once(c)})
}

func (s *Server) request(c echo.Context) error {
	var in struct {
		Runbook  string
		Args     []string
		Mode     string // incident, planned or drill; the same as mode=… among the arguments
		Incident string
		Reason   string
	}
	if ok, err := body(c, &in, words{"reason", &in.Reason}); !ok {
		return err
	}
	if in.Mode != "" {
		in.Args = append(in.Args, "mode="+in.Mode)
	}
	args, incident := pointsman.InIncident(in.Args)
	if in.Incident != "" && incident != "" && in.Incident != incident {
		return invalid(c, fmt.Sprintf("nothing was done: %s and %s are two incidents; keep one of them", in.Incident, incident))
	}
	offer, err := s.Desk.Offer(in.Runbook, args)
	if err != nil {
		return c.JSON(http.StatusUnprocessableEntity, pointsman.Answer{Code: pointsman.CodeInvalid, Text: err.Error()})
	}
	return s.do(c, pointsman.Request{Incident: cmp.Or(in.Incident, incident), Key: offer.Key(), Offer: offer, Reason: in.Reason, By: caller(c), Once: once(c)})
}

func (s *Server) routes(c echo.Context) error {
	labels := map[string]string{}
	for k, v := range c.QueryParams() {
		labels[k] = v[0]
	}
	return c.String(http.StatusOK, s.Desk.Explain(labels))
}

func (s *Server) switches(c echo.Context) error {
	list, err := s.Switches.Status(c.Request().Context())
	if err != nil {
		return unavailable(c, err)
	}
	return c.JSON(http.StatusOK, list)
}

func (s *Server) turn(c echo.Context) error {
	var in struct{ Reason string }
	if ok, err := body(c, &in, words{"reason", &in.Reason}); !ok {
		return err
	}
	act := s.Switches.Engage
	switch c.Param("verb") {
	case "engage":
	case "release":
		act = s.Switches.Release
	default:
		return c.JSON(http.StatusNotFound, pointsman.Answer{Code: pointsman.CodeNotFound, Text: fmt.Sprintf("%q is neither engage nor release", c.Param("verb"))})
	}
	ans, err := act(c.Request().Context(), c.Param("name"), in.Reason, caller(c), once(c))
	return answered(c, ans, err)
}

func (s *Server) export(c echo.Context) error {
	incident := c.QueryParam("incident")
	anchors, err := sizes(c.QueryParams()["anchor"])
	if err != nil {
		return c.JSON(http.StatusBadRequest, pointsman.Answer{Code: pointsman.CodeInvalid, Text: err.Error()})
	}
	by := caller(c)
	what := "the whole log"
	if incident != "" {
		what = incident
		if _, err := s.Store.State(c.Request().Context(), incident); err != nil {
			return unavailable(c, err)
		}
	}
	// Reading the record is itself on record, before anything leaves the house.
	if err := s.Log.Note(c.Request().Context(), pointsman.Event{Type: pointsman.EvAuditRead, Actor: by, Incident: incident, Text: by.String() + " exported " + what}); err != nil {
		return unavailable(c, err)
	}
	c.Response().Header().Set(echo.HeaderContentType, "application/zip")
	if err := s.Exporter.Export(c.Request().Context(), c.Response(), incident, anchors); err != nil {
		if c.Response().Committed {
			panic(http.ErrAbortHandler) // breaks the connection, so that a half file is not taken for a whole one
		}
		return unavailable(c, err)
	}
	return nil
}

// anchorsMost bounds the proofs that one export is asked for; each costs some twenty reads.
const anchorsMost = 100

func sizes(in []string) ([]uint64, error) {
	if len(in) > anchorsMost {
		return nil, fmt.Errorf("%d anchors, limit %d: take several exports", len(in), anchorsMost)
	}
	var out []uint64
	for _, s := range in {
		n, err := strconv.ParseUint(s, 10, 63)
		if err != nil {
			return nil, fmt.Errorf("anchor %q is not the size of a checkpoint, a number", s)
		}
		out = append(out, n)
	}
	return out, nil
}
