package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A question is answered soon or not at all; the whole record of some years takes longer than any bound for that.
func TestOnlyAQuestionHasABound(t *testing.T) {
	t.Parallel()
	const within = 100 * time.Millisecond
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush() // it has begun
		late := time.NewTimer(5 * within)
		defer late.Stop()
		select {
		case <-r.Context().Done():
		case <-late.C:
			_, _ = io.WriteString(w, `"whole"`)
		}
	}))
	t.Cleanup(server.Close)
	c := &client{http: &http.Client{}, base: server.URL, within: within}
	var answer string
	if err := c.call(t.Context(), http.MethodGet, "/", nil, &answer); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%q, %v: want no answer in time", answer, err)
	}
	resp, err := c.send(t.Context(), http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if all, err := io.ReadAll(resp.Body); err != nil || string(all) != `"whole"` {
		t.Errorf("%q, %v: want all of it", all, err)
	}
}
