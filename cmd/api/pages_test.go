package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/pointsman/pointsman"
)

type pagerOf struct {
	is  pointsman.Paging
	err error
}

func (p pagerOf) Paging(context.Context, string) (pointsman.Paging, error) { return p.is, p.err }

// With Slack away the command line is where people look, and there, too, "paged" decides whether they call somebody.
func TestAnIncidentSaysHowFarItsPageIs(t *testing.T) {
	t.Parallel()
	late := pointsman.Paging{Late: true, Problem: "pagerduty answered 500"}
	for name, c := range map[string]struct {
		page   pointsman.PageState
		pages  Pages
		status int
		want   *pointsman.Paging
	}{
		"nobody is to be woken":     {pointsman.PageNone, pagerOf{is: late}, 200, nil},
		"late":                      {pointsman.PageTriggered, pagerOf{is: late}, 200, &late},
		"no pager":                  {pointsman.PageTriggered, nil, 200, &pointsman.Paging{Nobody: true}},
		"over":                      {pointsman.PageResolved, pagerOf{is: late}, 200, nil},
		"the store does not answer": {pointsman.PageTriggered, pagerOf{err: errors.New("gone")}, 503, nil},
	} {
		d := &desk{state: pointsman.State{Incident: pointsman.Incident{ID: "INC-7", State: pointsman.IncidentOpen, Page: c.page}}}
		e := echo.New()
		(&Server{Store: d, Log: d, People: d, Names: d, Pages: c.pages}).Register(e)
		req := httptest.NewRequestWithContext(t.Context(), "GET", "/api/v1/incidents/INC-7", nil)
		req.Header.Set("Authorization", "Bearer the-token-of-ana")
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, req)
		var got Incident
		if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code != c.status {
			t.Errorf("%s: %d %v %s", name, rec.Code, err, rec.Body)
			continue
		}
		if (got.Paging == nil) != (c.want == nil) || got.Paging != nil && *got.Paging != *c.want || c.status == 200 && got.Incident.ID != "INC-7" {
			t.Errorf("%s: %s", name, rec.Body)
		}
	}
}

// With Slack off and nobody to page, "it goes to whoever is told" keeps the person from telling anybody.
func TestAnUpdateThatNobodyIsSentSaysSo(t *testing.T) {
	t.Parallel()
	for silent, want := range map[bool]string{false: "done", true: "done. It is sent to nobody: Slack is off and no PagerDuty service is configured"} {
		d := &desk{state: pointsman.State{Incident: pointsman.Incident{ID: "INC-7", State: pointsman.IncidentOpen}}}
		e := echo.New()
		(&Server{Store: d, Log: d, People: d, Names: d, Silent: silent}).Register(e)
		req := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/incidents/INC-7/update", strings.NewReader(`{"text":"we fail over"}`))
		req.Header.Set("Authorization", "Bearer the-token-of-ana")
		req.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, req)
		var got pointsman.Answer
		if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || got.Text != want {
			t.Errorf("silent %t: %d %s, %v; want %q", silent, rec.Code, rec.Body, err, want)
		}
	}
}
