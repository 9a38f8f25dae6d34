package commstest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/comms"
)

// Subject is a way out to be checked.
type Subject struct {
	// New makes the way; other is the address of the other side.
	New func(t *testing.T, other string) comms.Way
	// Good is an other side that takes everything that is right.
	Good http.Handler
	// Refusal is an answer that no repetition will cure.
	Refusal http.Handler
	// Event is worth at least one delivery.
	Event pointsman.Logged
	// Secrets must appear in no payload, ref and error.
	Secrets []string
}

// Check runs the checks that every way out must pass: it plans purely, sends what it planned, obeys its context, says
// rightly which failures pass, and leaks no secret.
func Check(t *testing.T, s Subject) {
	t.Helper()
	t.Run("plans_purely", s.plansPurely)
	t.Run("sends_what_it_planned", func(t *testing.T) {
		ref, err := s.send(t, s.Good)
		if err != nil || ref == "" {
			t.Errorf("ref %q, error %v, want a ref", ref, err)
		}
	})
	t.Run("ends_with_its_context", s.endsWithItsContext)
	t.Run("nobody_listens", func(t *testing.T) {
		srv := httptest.NewServer(s.Good)
		srv.Close()
		s.expect(t, s.New(t, srv.URL), "later")
	})
	for _, c := range []struct {
		name, want string
		other      http.Handler
	}{
		{"refused_for_good", "never", s.Refusal},
		{"too_many_requests", "after 7s", status(http.StatusTooManyRequests, "7")},
		{"too_many_requests_without_a_time", "after some time", status(http.StatusTooManyRequests, "")},
		{"server_in_trouble", "later", status(http.StatusInternalServerError, "")},
		{"proxy_in_trouble", "later", status(http.StatusBadGateway, "")},
		{"sent_elsewhere", "later", http.RedirectHandler("http://127.0.0.1:1/", http.StatusTemporaryRedirect)},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := httptest.NewServer(c.other)
			defer srv.Close()
			s.expect(t, s.New(t, srv.URL), c.want)
		})
	}
}

// status answers with a page that repeats the request, as careless proxies do: a way must not pass its secrets on.
func status(code int, after string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(code)
		body := make([]byte, 4096)
		n, _ := req.Body.Read(body)
		fmt.Fprintf(w, "%s %s %s", http.StatusText(code), req.Header.Get("Authorization"), body[:n])
	})
}

func (s Subject) plansPurely(t *testing.T) {
	w := s.New(t, "http://127.0.0.1:1")
	first := w.Plan(s.Event)
	if len(first) == 0 {
		t.Fatalf("nothing planned for %s", s.Event.Type)
	}
	if again := w.Plan(s.Event); !reflect.DeepEqual(first, again) {
		t.Errorf("planned %+v, then %+v", first, again)
	}
	seen := map[string]bool{}
	for _, d := range first {
		if seen[d.Destination] {
			t.Errorf("two deliveries to %q of one event: the second would be lost", d.Destination)
		}
		seen[d.Destination] = true
		s.leaks(t, string(d.Payload)+d.Destination+d.Lane)
	}
	for _, typ := range []pointsman.EventType{
		pointsman.EvIncidentOpened, pointsman.EvProposalReady, pointsman.EvStepDone, pointsman.EvPageTriggered,
		pointsman.EvDeliveryLost, pointsman.EvServerState, "of.a.later.version",
	} {
		w.Plan(pointsman.Logged{Event: pointsman.Event{Type: typ}})
		w.Plan(pointsman.Logged{Event: pointsman.Event{Type: typ, Data: []byte(`[1,"x"]`)}})
	}
}

func (s Subject) endsWithItsContext(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-release:
		case <-req.Context().Done():
		}
	}))
	defer srv.Close()
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := s.New(t, srv.URL).Send(ctx, s.delivery(t, srv.URL))
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("gave up after %s, its deadline was 100 ms", took)
	}
	s.classed(t, err, "later")
}

func (s Subject) delivery(t *testing.T, other string) pointsman.Delivery {
	t.Helper()
	d := s.New(t, other).Plan(s.Event)[0]
	d.Seq, d.EventID, d.Incident, d.Attempts = s.Event.Seq, s.Event.ID, s.Event.Incident, 1
	return d
}

func (s Subject) send(t *testing.T, other http.Handler) (string, error) {
	t.Helper()
	srv := httptest.NewServer(other)
	defer srv.Close()
	ref, err := s.New(t, srv.URL).Send(t.Context(), s.delivery(t, srv.URL))
	s.leaks(t, ref)
	return ref, err
}

func (s Subject) expect(t *testing.T, w comms.Way, want string) {
	t.Helper()
	d := w.Plan(s.Event)[0]
	d.Seq, d.EventID, d.Incident, d.Attempts = s.Event.Seq, s.Event.ID, s.Event.Incident, 1
	_, err := w.Send(t.Context(), d)
	s.classed(t, err, want)
}

func (s Subject) classed(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error, want one")
	}
	s.leaks(t, fmt.Sprintf("%v %+v", err, err))
	var after interface{ RetryAfter() time.Duration }
	var never interface{ Permanent() bool }
	got := "later"
	switch {
	case errors.As(err, &never) && never.Permanent():
		got = "never"
	case errors.As(err, &after) && want == "after some time" && after.RetryAfter() > 0:
		got = want
	case errors.As(err, &after):
		got = "after " + after.RetryAfter().String()
	}
	if got != want {
		t.Errorf("error %v means %q, want %q", err, got, want)
	}
}

func (s Subject) leaks(t *testing.T, text string) {
	t.Helper()
	for _, secret := range s.Secrets {
		if strings.Contains(text, secret) {
			t.Errorf("a secret shows in %q", text)
		}
	}
}
