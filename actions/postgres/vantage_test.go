package postgres

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

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
