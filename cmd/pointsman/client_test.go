package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
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

// The reason of somebody else's lock is in the answer to everybody who is refused because of it. A record that older versions wrote
// may hold anything, so what comes back is never obeyed by the terminal, and forges no line of it.
func TestNoAnswerSteersTheTerminal(t *testing.T) {
	t.Setenv("POINTSMAN_TOKEN", "token-of-the-test")
	const evil, harmless = "locked by Ana: evil\x1b[31mred\x07\r\nINC-9/P9 ready: fake\u202e", "locked by Ana: evil [31mred   INC-9/P9 ready: fake"
	for name, c := range map[string]struct {
		status int
		code   pointsman.Code
		args   []string
	}{
		"done":             {http.StatusOK, pointsman.CodeAccepted, []string{"lock", "api", "--reason", "x"}},
		"refused":          {http.StatusConflict, pointsman.CodeLocked, []string{"lock", "api", "--reason", "x"}},
		"not known":        {http.StatusServiceUnavailable, "unknown", []string{"lock", "api", "--reason", "x"}},
		"a look refused":   {http.StatusNotFound, pointsman.CodeNotFound, []string{"incidents", "INC-9"}},
		"a text of lines":  {http.StatusOK, "", []string{"routes", "test", "--running", "alertname=Crash"}},
		"of another maker": {http.StatusBadGateway, "", []string{"lock", "api", "--reason", "x"}},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			if c.code == "" {
				_, _ = io.WriteString(w, "first\x1b[2J\nsecond\n")
				return
			}
			_ = json.NewEncoder(w).Encode(pointsman.Answer{Code: c.code, Text: evil})
		}))
		t.Cleanup(server.Close)
		said := says(t, nil, append(c.args, "--server", server.URL)...)
		if strings.ContainsAny(said, "\x1b\x07\r\u202e") || strings.Contains(said, "\nINC-9") || c.code != "" && !strings.Contains(said, harmless) {
			t.Errorf("%s: %q", name, said)
		}
	}
}
