package pagerduty

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	api "github.com/PagerDuty/go-pagerduty"

	"github.com/pointsman/pointsman"
)

// Limits of the Events API v2. PagerDuty refuses a longer key and cuts a longer summary.
const (
	maxSummary = 1024
	maxKey     = 255
)

// page is what is kept of an event until it is sent. It holds no routing key: rows are read by more people than that.
type page struct {
	Action   string            `json:"action"` // trigger, acknowledge, resolve
	Service  string            `json:"service"`
	Key      string            `json:"key"`
	N        int               `json:"-"` // it is in the key
	Summary  string            `json:"summary"`
	Severity string            `json:"severity"`
	Source   string            `json:"source"`
	At       time.Time         `json:"at"`
	Details  map[string]string `json:"details,omitempty"`
}

var actions = map[pointsman.EventType]string{
	pointsman.EvPageTriggered:    "trigger",
	pointsman.EvPageAcknowledged: "acknowledge",
	pointsman.EvPageResolved:     "resolve",
}

// about is what an event says of the pages that it raises, acknowledges or resolves.
type about struct {
	Service, Severity, Title string
	Pages                    []pointsman.Page // none: page 1, at the service
}

// pagesOf returns what PagerDuty is told for an event, one for each page; nothing for an event that is about none.
func (w *Way) pagesOf(ev pointsman.Logged) []page {
	action, ok := actions[ev.Type]
	if !ok {
		return nil
	}
	var a about
	if len(ev.Data) > 0 && json.Unmarshal(ev.Data, &a) != nil {
		a.Title = "" // a page whose details cannot be read is still a page
	}
	if len(a.Pages) == 0 {
		a.Pages = []pointsman.Page{{N: 1, Service: a.Service}}
	}
	out := make([]page, 0, len(a.Pages))
	for _, of := range a.Pages {
		out = append(out, w.pageOf(ev, action, a, of))
	}
	return out
}

func (w *Way) pageOf(ev pointsman.Logged, action string, about about, of pointsman.Page) page {
	p := page{
		Action: action, Service: w.service(of.Service).Name, Key: w.key(ev.Incident, of.N), N: of.N, Summary: clean(ev.Text, maxSummary),
		Severity: severity(about.Severity), Source: "pointsman", At: ev.At,
		Details: map[string]string{
			"incident": ev.Incident, "title": about.Title, "severity": about.Severity, "target": ev.Target,
			"run": ev.Run, "reason": ev.Reason, "event": ev.ID,
		},
	}
	if ev.Target != "" {
		p.Source = ev.Target
	}
	if p.Summary == "" {
		p.Summary = ev.Incident // PagerDuty refuses a page without one
	}
	if of.N > 1 {
		p.Details["page"] = strconv.Itoa(of.N)
	}
	if of.Service != "" && p.Service != of.Service {
		p.Details["wanted_service"] = of.Service + " is not configured"
	}
	for k, v := range p.Details {
		if p.Details[k] = clean(v, maxSummary); p.Details[k] == "" {
			delete(p.Details, k)
		}
	}
	return p
}

// to is the destination: a lane for each page, so that its end follows its beginning, and the next page waits for neither.
// The number stands in front, where no name of a service can look like it.
func (p page) to() string {
	if p.N > 1 {
		return fmt.Sprintf("page %d, service:%s", p.N, p.Service)
	}
	return "service:" + p.Service
}

// event is the page as PagerDuty's client wants it.
func (p page) event(routingKey, link string) *api.V2Event {
	ev := &api.V2Event{RoutingKey: routingKey, Action: p.Action, DedupKey: p.Key}
	if p.Action != "trigger" {
		return ev
	}
	ev.Client = "Pointsman"
	if link != "" {
		ev.ClientURL = link
		ev.Links = []any{map[string]string{"href": link, "text": "the incident's card in Slack"}}
	}
	ev.Payload = &api.V2Payload{
		Summary: p.Summary, Source: p.Source, Severity: p.Severity, Timestamp: p.At.UTC().Format(time.RFC3339Nano),
		Component: p.Details["target"], Group: p.Details["incident"], Details: p.Details,
	}
	return ev
}

// severity translates the words of alert rules into the four of PagerDuty. A word that is not known counts as
// critical: on a service with dynamic urgency anything less may wake nobody.
func severity(word string) string {
	switch strings.ToLower(word) {
	case "error", "high":
		return "error"
	case "warning", "medium":
		return "warning"
	case "low", "info", "none":
		return "info"
	}
	return "critical"
}

// clean makes one line of a text that may come from a label, without control characters, at most n runes long.
func clean(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case pointsman.Unseen(r) || r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, strings.TrimSpace(s))
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
