package service_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/service"
)

// health serves h as the health address of api.
func health(t *testing.T, h http.HandlerFunc, contains string) service.Target {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return service.Target{Name: "api", Health: []service.Health{{URL: srv.URL + "/health", Contains: contains}}}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(elsewhere.Close)
	for name, c := range map[string]struct {
		answer   http.HandlerFunc
		contains string
		holds    bool
		text     string // of the fact, without the address
	}{
		"well":             {answer: func(http.ResponseWriter, *http.Request) {}, holds: true},
		"well with a word": {answer: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"status":"ok"}`) }, contains: `"ok"`, holds: true},
		"a page that says 200 and is not ours": {
			answer: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "Under maintenance") }, contains: `"ok"`,
			text: `api answers 200 at URL, but the answer does not contain "\"ok\""`,
		},
		"503":                {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, text: "api answers 503 at URL, well is 200"},
		"redirect elsewhere": {answer: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) }, text: "api does not answer at URL: redirected to another host, " + strings.TrimPrefix(elsewhere.URL, "http://")},
		"redirect here": {answer: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/health" {
				http.Redirect(w, r, "/health/", http.StatusFound)
			}
		}, holds: true},
		"redirect for ever": {answer: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/health", http.StatusFound) }, text: "api does not answer at URL: redirected more than 3 times"},
		"hangs":             {answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, text: "api does not answer at URL: context deadline exceeded"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			target := health(t, c.answer, c.contains)
			k := kind(t, service.KindCheck, target)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			ev, err := k.Verify(ctx, input(`{"service":"api","every":"5ms"}`))
			if err != nil || ev.Holds != c.holds {
				t.Fatalf("evidence %+v, error %v, want holds %v", ev, err, c.holds)
			}
			if got := strings.ReplaceAll(ev.Facts[0].Text, target.Health[0].URL, "URL"); got != c.text {
				t.Errorf("text %q, want %q", got, c.text)
			}
		})
	}
}

func TestCheckAsksInARow(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	k := kind(t, service.KindCheck, health(t, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1)%3 == 0 { // well, well, falls over
			w.WriteHeader(500)
		}
	}, ""))
	with := input(`{"service":"api","every":"1ms"}`)
	if ev, err := k.Verify(t.Context(), with); err != nil || ev.Holds {
		t.Errorf("evidence %+v, error %v: two good answers of three are not three", ev, err)
	}
	if got := n.Load(); got != 3 {
		t.Errorf("%d requests, want 3", got)
	}
	if ev, err := k.Verify(t.Context(), input(`{"service":"api","consecutive":2,"every":"1ms"}`)); err != nil || !ev.Holds {
		t.Errorf("evidence %+v, error %v, want two to hold", ev, err)
	}
}

func TestCheckGivesFactsAndRefusesNothing(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	up := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer up.Close()
	k := kind(t, service.KindCheck, service.Target{Name: "api", Health: []service.Health{{URL: strings.Replace(srv.URL, "//", "//u:hunter2@", 1)}, {URL: up.URL}}})
	in := input(`{}`)
	in.Phase = actions.Propose
	ev, err := k.Check(t.Context(), in)
	if err != nil || ev.Already || len(ev.Facts) != 2 || len(pointsman.Refusals(ev.Facts)) > 0 {
		t.Fatalf("evidence %+v, error %v", ev, err)
	}
	if down := ev.Facts[0]; down.Value != "no answer" || strings.Contains(fmt.Sprintf("%+v", down), "hunter2") {
		t.Errorf("fact %+v, want it without the password", down)
	}
	if well := ev.Facts[1]; well.Result != pointsman.Pass || !strings.HasPrefix(well.Value, "200 after ") {
		t.Errorf("fact %+v", well)
	}
}
