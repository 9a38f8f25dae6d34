// Package pagerdutytest is a PagerDuty for tests and demonstrations: it takes Events API v2 requests, refuses what the
// published schema and the known limits refuse, and remembers what state each incident is in.
package pagerdutytest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed testdata/events-v2.openapi.json
var spec []byte

// Event is a request that was taken.
type Event struct {
	RoutingKey string `json:"routing_key"`
	Action     string `json:"event_action"`
	DedupKey   string `json:"dedup_key"`
	ClientURL  string `json:"client_url"`
	Payload    struct {
		Summary  string         `json:"summary"`
		Source   string         `json:"source"`
		Severity string         `json:"severity"`
		Details  map[string]any `json:"custom_details"`
	} `json:"payload"`
	Body []byte `json:"-"` // all of it, as it arrived
}

// place is where an incident of PagerDuty is found: another service with the same dedup key knows nothing of it.
type place struct{ routingKey, dedupKey string }

// Fake is the handler of one PagerDuty account.
type Fake struct {
	schema *jsonschema.Schema
	keys   map[string]bool

	mu     sync.Mutex
	events []Event
	states map[place]string
	woken  []Event
	fault  http.Handler
}

// New makes an account with these integration keys.
func New(keys ...string) (*Fake, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(spec))
	if err != nil {
		return nil, fmt.Errorf("events api document: %w", err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("events.json", doc); err != nil {
		return nil, fmt.Errorf("events api document: %w", err)
	}
	schema, err := c.Compile("events.json#/paths/~1v2~1enqueue/post/requestBody/content/application~1json/schema")
	if err != nil {
		return nil, fmt.Errorf("events api schema: %w", err)
	}
	f := &Fake{schema: schema, keys: map[string]bool{}, states: map[place]string{}}
	for _, k := range keys {
		f.keys[k] = true
	}
	return f, nil
}

// Fail makes every request be answered by h until Fail(nil).
func (f *Fake) Fail(h http.Handler) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = h
}

// Events returns what was taken, in order.
func (f *Fake) Events() []Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Event(nil), f.events...)
}

// State is "triggered", "acknowledged", "resolved" or empty for a key that was never used with that integration.
func (f *Fake) State(routingKey, dedupKey string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.states[place{routingKey, dedupKey}]
}

// Woken returns the triggers that opened an incident of PagerDuty, in order: those for which a telephone rang. Any
// other became a line in an incident that was open already, whether acknowledged or not.
func (f *Fake) Woken() []Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Event(nil), f.woken...)
}

// ServeHTTP implements http.Handler.
func (f *Fake) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	f.mu.Lock()
	fault := f.fault
	f.mu.Unlock()
	if fault != nil {
		fault.ServeHTTP(w, req)
		return
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	switch {
	case err != nil:
		answer(w, http.StatusInternalServerError, map[string]any{"status": "error", "message": err.Error()})
	case req.Method != http.MethodPost || req.URL.Path != "/v2/enqueue":
		answer(w, http.StatusNotFound, map[string]any{"status": "error", "message": "not found"})
	default:
		f.enqueue(w, body)
	}
}

func (f *Fake) enqueue(w http.ResponseWriter, body []byte) {
	var ev Event
	if why := f.refuses(body, &ev); why != "" {
		answer(w, http.StatusBadRequest, map[string]any{"status": "invalid event", "message": "Event object is invalid", "errors": []string{why}})
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, ev)
	at := place{ev.RoutingKey, ev.DedupKey}
	was := f.states[at]
	switch {
	case ev.Action == "trigger" && (was == "" || was == "resolved"): // a repeated trigger does not take an acknowledgement back
		f.states[at] = "triggered"
		f.woken = append(f.woken, ev)
	case ev.Action == "acknowledge" && was == "triggered":
		f.states[at] = "acknowledged"
	case ev.Action == "resolve" && was != "":
		f.states[at] = "resolved"
	}
	answer(w, http.StatusAccepted, map[string]any{"status": "success", "message": "Event processed", "dedup_key": ev.DedupKey})
}

func (f *Fake) refuses(body []byte, ev *Event) string {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return "not JSON: " + err.Error()
	}
	if err := f.schema.Validate(doc); err != nil {
		return err.Error()
	}
	if err := json.Unmarshal(body, ev); err != nil {
		return err.Error()
	}
	ev.Body = body
	raw, isObject := doc.(map[string]any)
	_, hasPayload := raw["payload"]
	switch {
	case !isObject:
		return "not an object"
	case len(body) > 512<<10:
		return "event is larger than 512 KB"
	case !f.keys[ev.RoutingKey]:
		return "invalid routing key"
	case ev.Action == "trigger" && !hasPayload:
		return "payload is required for trigger"
	case ev.Action != "trigger" && ev.DedupKey == "":
		return "dedup_key is required for " + ev.Action
	case len(ev.DedupKey) > 255:
		return "dedup_key is longer than 255"
	case utf8.RuneCountInString(ev.Payload.Summary) > 1024:
		return "summary is longer than 1024"
	}
	return ""
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that hung up does not want it
}
