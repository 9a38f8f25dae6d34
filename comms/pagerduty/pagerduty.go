// Package pagerduty pages people through PagerDuty's Events API v2: the way out for the events page.triggered,
// page.acknowledged and page.resolved. Each page of an incident has a dedup key of its own, made of its number, so an
// attempt that is repeated changes nothing there, and another page wakes people although the one before is acknowledged.
// The client library knows no retries and drops PagerDuty's words of a refusal; the waiting is the dispatcher's, the
// words are read here.
package pagerduty

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	api "github.com/PagerDuty/go-pagerduty"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/comms"
)

const defaultURL = "https://events.pagerduty.com"

// tooOld: a page that waited longer wakes somebody for nothing. It happens when nobody ran for so long, or an old backup
// was restored.
const tooOld = 12 * time.Hour

// keyWait is how long it takes to look whether somebody has replaced a routing key that is refused. It is read anew at each
// attempt, and what is parked meanwhile would wake nobody after the cure.
const keyWait = 30 * time.Second

// aboutKey finds the routing key in PagerDuty's words: "'routing_key' is invalid", "Invalid routing key".
var aboutKey = regexp.MustCompile(`(?i)(routing|service|integration)[ _-]?key`)

// rateWait is how long PagerDuty is left alone after a 429 without a Retry-After; its limits count by the minute.
const rateWait = 30 * time.Second

// Way is the way out to PagerDuty.
type Way struct {
	cfg    Config
	site   string
	link   func(incident string) string
	now    func() time.Time
	client *api.Client
}

var _ comms.Pager = (*Way)(nil)

// New makes the way out. site tells two installations apart that page the same service; it becomes part of the dedup
// key. link returns where a browser leads a person to an incident, or nothing; it may be nil. now is the store's clock. transport and
// now may be nil.
func New(cfg Config, site string, link func(incident string) string, now func() time.Time, transport http.RoundTripper) (*Way, error) {
	if !cfg.Enabled() {
		return nil, errors.New("pagerduty: no services are configured")
	}
	if link == nil {
		link = func(string) string { return "" }
	}
	if now == nil {
		now = time.Now
	}
	if transport == nil {
		transport = http.DefaultTransport
	}
	url := strings.TrimSuffix(cfg.EventsURL, "/")
	if url == "" {
		url = defaultURL
	}
	w := &Way{cfg: cfg, site: site, link: link, now: now, client: api.NewClient("", api.WithV2EventsAPIEndpoint(url))}
	w.client.HTTPClient = &http.Client{
		Transport: listener{transport},
		// A redirect would carry the routing key to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return w, nil
}

// Name is the way's own: stored with every delivery and never renamed.
const Name = "pagerduty"

// Name implements comms.Way.
func (w *Way) Name() string { return Name }

// Wakes implements comms.Pager: what acknowledges or resolves a page wakes nobody.
func (w *Way) Wakes(d pointsman.Delivery) (wanted time.Time, yes bool) {
	var p page
	if json.Unmarshal(d.Payload, &p) != nil {
		return time.Time{}, false
	}
	return p.At, p.Action == "trigger"
}

// Plan implements comms.Way. What ends a page takes the place of one that PagerDuty has not taken yet: it would wake somebody
// for what is over. PagerDuty does nothing about the end of a key that it does not know.
func (w *Way) Plan(ev pointsman.Logged) []pointsman.Delivery {
	var out []pointsman.Delivery
	for _, p := range w.pagesOf(ev) {
		if body, err := json.Marshal(p); err == nil { // a struct of strings and a time always encodes
			out = append(out, pointsman.Delivery{Destination: p.to(), Class: pointsman.Urgent, Newest: true, Payload: body})
		}
	}
	return out
}

// Send implements comms.Way. The ref is the dedup key.
func (w *Way) Send(ctx context.Context, d pointsman.Delivery) (string, error) {
	var p page
	if err := json.Unmarshal(d.Payload, &p); err != nil {
		return "", comms.Permanent(fmt.Errorf("page unreadable: %w", err))
	}
	if age := w.now().Sub(p.At); p.Action == "trigger" && age > tooOld {
		return "", comms.Permanent(fmt.Errorf("the page is %s old, at most %s is worth waking somebody", pointsman.Span(age), pointsman.Span(tooOld)))
	}
	key, err := w.service(p.Service).key()
	if err != nil {
		return "", err
	}
	var heard answer
	_, err = w.client.ManageEventWithContext(context.WithValue(ctx, answerKey{}, &heard), p.event(key, w.link(d.Incident)))
	if err = heard.verdict(err); err != nil {
		return "", scrubbed{err, key}
	}
	return p.Key, nil
}

// service finds a service by name; a name that is not configured gets the default, because a page to the wrong team
// wakes somebody and a page to nobody does not.
func (w *Way) service(name string) Service {
	fallback := w.cfg.Services[0]
	for _, s := range w.cfg.Services {
		if s.Name == name {
			return s
		}
		if s.Name == w.cfg.DefaultService {
			fallback = s
		}
	}
	return fallback
}

// key is by what PagerDuty knows a page again. Page 1 keeps the key that it had when it was the only one.
func (w *Way) key(incident string, n int) string {
	key := "pointsman/" + incident
	if w.site != "" {
		key = "pointsman/" + w.site + "/" + incident
	}
	if n > 1 {
		key += "/" + strconv.Itoa(n)
	}
	if len(key) > maxKey {
		key = key[len(key)-maxKey:] // the numbers of incident and page are at the end
	}
	return key
}

// answer is what PagerDuty said, read beside the client library, which keeps neither header nor words.
type answer struct {
	status int
	after  time.Duration
	body   []byte
}

type answerKey struct{}

// listener notes the answer for whoever asked.
type listener struct{ http.RoundTripper }

func (l listener) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := l.RoundTripper.RoundTrip(req)
	heard, ok := req.Context().Value(answerKey{}).(*answer)
	if err != nil || !ok {
		return resp, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	heard.status, heard.after, heard.body = resp.StatusCode, retryAfter(resp.Header.Get("Retry-After")), body
	return resp, nil
}

// verdict classes an answer. Only a 202 is PagerDuty's word that it took the page, and only a 400 that it can never be taken,
// but not where that is about the key, which an operator cures. Anything else may come from something in between, a portal
// that answers 200 to everybody, too.
// https://developer.pagerduty.com/docs/events-api-v2-overview#response-codes--retry-logic
func (a answer) verdict(err error) error {
	switch {
	case a.status == 0:
		return fmt.Errorf("pagerduty: %w", err)
	case a.status == http.StatusAccepted:
		return nil
	case a.status == http.StatusBadRequest && aboutKey.Match(a.body):
		return comms.RetryAfter(keyWait, a.refusal())
	case a.status == http.StatusBadRequest:
		return comms.Permanent(a.refusal())
	case a.status == http.StatusTooManyRequests && a.after == 0:
		return comms.RetryAfter(rateWait, a.refusal())
	case a.after > 0:
		return comms.RetryAfter(a.after, a.refusal())
	}
	return a.refusal()
}

func (a answer) refusal() error {
	var said struct {
		Message string   `json:"message"`
		Errors  []string `json:"errors"`
	}
	text := clean(string(a.body), 200)
	if json.Unmarshal(a.body, &said) == nil && said.Message != "" {
		text = strings.Join(append([]string{said.Message}, said.Errors...), ": ")
	}
	status := strconv.Itoa(a.status)
	if a.status < 300 {
		status += ", not 202" // or it would look like a success
	}
	if text == "" {
		return fmt.Errorf("pagerduty answered %s", status)
	}
	return fmt.Errorf("pagerduty answered %s: %s", status, text)
}

// retryAfter reads the header's two forms, seconds and a date.
func retryAfter(h string) time.Duration {
	if n, err := strconv.Atoi(h); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(h); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// scrubbed keeps a routing key that was repeated to us out of rows, logs and chat.
type scrubbed struct {
	error
	secret string
}

func (s scrubbed) Unwrap() error { return s.error }

func (s scrubbed) Error() string {
	return strings.ReplaceAll(s.error.Error(), s.secret, "<routing key>")
}
