package patroni_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/actiontest"
	"github.com/pointsman/pointsman/actions/patroni"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for kind, in := range map[string]actions.Input{
		"patroni.status": input(map[string]string{"cluster": "orders", "want": "switchover"}, nil), "patroni.switchover": switchover(pins()), "patroni.failover": failover(pins()),
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			if kind == "patroni.failover" {
				f.vacant()
			}
			actiontest.Run(t, actiontest.Suite{
				Action: kindOf(t, f.clusters(), kind), In: in, World: f.picture, Secrets: []string{canary}, Failing: broken(t, kind), Patience: time.Minute,
				OnlyLooks: kind == "patroni.status",
			})
		})
	}
}

// picture is all that the kinds could change.
func (f *fake) picture(context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	raw, err := json.Marshal(f.cluster())
	return fmt.Sprintf("%s %v", raw, f.asked), err
}

// broken are clusters whose members, passwords and certificates fail in all ways that have a text.
func broken(t *testing.T, kind string) []actions.Action {
	t.Helper()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	serve := func(h http.HandlerFunc) string {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return server.URL
	}
	elsewhere := serve(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("a redirect was followed, with %q", r.Header.Get("Authorization"))
	})
	var out []actions.Action
	for _, url := range []string{
		"http://127.0.0.1:1", "http://" + silent.Addr().String(), "http://no-such-host.invalid:8008", "https://" + silent.Addr().String(),
		serve(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>it works</html>") }),
		serve(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }),
		serve(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, http.StatusFound) }),
	} {
		out = append(out, kindOf(t, patroni.New(patroni.Config{brokenCluster(url)}), kind))
	}
	missing := brokenCluster("https://127.0.0.1:1")
	missing.CAFile, missing.Password, missing.PasswordFile = filepath.Join(t.TempDir(), "ca.crt"), "", filepath.Join(t.TempDir(), "password")
	// An approver of these is never asked: certificates that cannot be read are an error and no evidence.
	return append(out, kindOf(t, patroni.New(patroni.Config{missing}), kind))
}

func brokenCluster(url string) patroni.Cluster {
	return patroni.Cluster{
		Name: "orders", Scope: "orders", Username: "pointsman", Password: canary, ReadTimeout: 300 * time.Millisecond,
		Members: []patroni.Member{{Name: "pg-1", URL: url}, {Name: "pg-2", URL: url}, {Name: "pg-3", URL: url}},
		Clients: patroni.Clients{DSN: "postgres://pointsman:" + canary + "@127.0.0.1:1/app?sslmode=disable"},
	}
}
