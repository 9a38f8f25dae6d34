package postgres

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pointsman/pointsman/actions/postgres/probe"
)

// TestARedirectedProbeSeesNothing: only the configured probe is believed, and only it gets the token.
func TestARedirectedProbeSeesNothing(t *testing.T) {
	t.Parallel()
	asked := false
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked = true
		fmt.Fprint(w, `{"state":"refused"}`)
	}))
	defer stranger.Close()
	configured := httptest.NewServer(http.RedirectHandler(stranger.URL, http.StatusTemporaryRedirect))
	defer configured.Close()
	p := Probe{Name: "b", URL: configured.URL, Token: "secret"}
	c := New(Config{{Name: "orders", Probes: []Probe{p}}}, nil)
	if seen := c.asked(t.Context(), p, probe.Question{Cluster: "orders", Node: "pg-1"}); seen.State != Unsure || asked {
		t.Errorf("it %s (%s), the stranger was asked: %v", seen.State.Words(), seen.Detail, asked)
	}
}

// TestWhatAProbeSawIsAsOldAsTheQuestion: the clock of a probe's machine counts for nothing.
func TestWhatAProbeSawIsAsOldAsTheQuestion(t *testing.T) {
	t.Parallel()
	ahead := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"state":"hung","at":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339))
	}))
	defer ahead.Close()
	p := Probe{Name: "b", URL: ahead.URL}
	c := New(Config{{Name: "orders", Probes: []Probe{p}}}, nil)
	asked := time.Now()
	if seen := c.asked(t.Context(), p, probe.Question{}); seen.State != Hung || seen.At.Before(asked) || seen.At.After(time.Now()) {
		t.Errorf("seen %+v, asked at %s", seen, asked)
	}
}
