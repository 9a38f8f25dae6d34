package app

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/api"
	"github.com/pointsman/pointsman/configs"
)

// directory knows one person by token.
type directory struct{}

func (directory) ByToken(token string) (pointsman.Person, bool) {
	return pointsman.Person{ID: "ana", Roles: []string{"risk"}}, token == "token-of-ana"
}
func (directory) ByUID(uint32) (pointsman.Person, bool) { return pointsman.Person{}, false }

// The port is open to Alertmanager and Slack; whoever reaches it must not be able to fill the log with reloads. A reload
// changes who may approve, so the record says who made it.
func TestReloadIsForThisMachineAndForPeople(t *testing.T) {
	t.Parallel()
	reloads := 0
	var by pointsman.Actor
	e := newEcho(nil)
	health{people: directory{}, reload: func(_ context.Context, a pointsman.Actor) ([]string, error) { reloads++; by = a; return nil, nil }}.register(e)
	for _, c := range []struct {
		name, from string
		header     http.Header
		want       int
		ref        string
	}{
		{"a sidecar", "127.0.0.1:4711", nil, http.StatusOK, "from 127.0.0.1"},
		{"a stranger", "192.0.2.7:4711", nil, http.StatusUnauthorized, ""},
		{"a stranger who says he is local", "192.0.2.7:4711", http.Header{"X-Forwarded-For": {"127.0.0.1"}}, http.StatusUnauthorized, ""},
		{"somebody behind a proxy on this machine", "127.0.0.1:4711", http.Header{"X-Forwarded-For": {"192.0.2.7"}}, http.StatusUnauthorized, ""},
		{"somebody behind a proxy that names him otherwise", "127.0.0.1:4711", http.Header{"Forwarded": {"for=192.0.2.7"}}, http.StatusUnauthorized, ""},
		{"a page in a browser on this machine", "127.0.0.1:4711", http.Header{"Origin": {"https://evil.example"}}, http.StatusUnauthorized, ""},
		{"a person", "192.0.2.7:4711", http.Header{"Authorization": {"Bearer token-of-ana"}}, http.StatusOK, "token of ana"},
		{"a wrong token from this machine", "127.0.0.1:4711", http.Header{"Authorization": {"Bearer guessed"}}, http.StatusUnauthorized, ""},
	} {
		before := reloads
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/-/reload", nil)
		req.RemoteAddr = c.from
		for k, v := range c.header {
			req.Header[k] = v
		}
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, req)
		if rec.Code != c.want || (reloads > before) != (c.want == http.StatusOK) {
			t.Errorf("%s: %d %s, want %d", c.name, rec.Code, rec.Body, c.want)
		}
		if c.want == http.StatusOK && (by.Ref != c.ref || by.Known() != (c.name == "a person")) {
			t.Errorf("%s: the record says %+v", c.name, by)
		}
	}
}

// A proxy beside us that says nothing of whom it brings makes everybody local, and the socket is open to every account of the
// machine: the log must not be filled through either. People are not kept from reloading meanwhile.
func TestReloadsFromThisMachineArePaced(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		socket bool
		ref    string
	}{"by the port": {false, "from 127.0.0.1"}, "by the socket": {true, fmt.Sprintf("uid %d", os.Getuid())}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reloads := 0
			var by pointsman.Actor
			e := newEcho(nil)
			health{people: directory{}, reload: func(_ context.Context, a pointsman.Actor) ([]string, error) { reloads++; by = a; return nil, nil }}.register(e)
			srv := httptest.NewUnstartedServer(e)
			if c.socket {
				dir, err := os.MkdirTemp("", "p") // t.TempDir is too long for the name of a socket
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = os.RemoveAll(dir) })
				l, err := listenUnix(t.Context(), filepath.Join(dir, "s"))
				if err != nil {
					t.Fatal(err)
				}
				_ = srv.Listener.Close()
				srv.Listener, srv.Config.ConnContext = l, api.WithPeer
			}
			srv.Start()
			t.Cleanup(srv.Close)
			at := srv.Listener.Addr()
			client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, at.Network(), at.String())
			}}}
			ask := func(token string) int {
				t.Helper()
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://pointsman/-/reload", nil)
				if err != nil {
					t.Fatal(err)
				}
				if token != "" {
					req.Header.Set("Authorization", "Bearer "+token)
				}
				resp, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				return resp.StatusCode
			}
			var last int
			for range 200 {
				last = ask("")
			}
			if last != http.StatusTooManyRequests || reloads < reloadBurst || reloads > 2*reloadBurst || by.Ref != c.ref {
				t.Errorf("%d reloads of 200 were carried out by %+v, the last was answered %d", reloads, by, last)
			}
			if code := ask("token-of-ana"); code != http.StatusOK || by.Person.ID != "ana" {
				t.Errorf("a person: %d, %+v", code, by)
			}
		})
	}
}

// A path that was mistyped may be that of a file which nobody has twice.
func TestOnlyASocketIsReplacedByTheSocket(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "p.db")
	if err := os.WriteFile(file, []byte("the store"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listenUnix(t.Context(), file); err == nil || !strings.Contains(err.Error(), "is no socket; it is left alone") {
		t.Errorf("%v", err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "the store" {
		t.Errorf("%q %v", b, err)
	}
}

// The image has neither /run nor root's rights, and tells the world a port: both must fit what the program does by default.
func TestTheImageFitsTheDefaults(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(configs.Default().Web.Listen, ":")
	for _, line := range []string{"EXPOSE " + port, "ENV POINTSMAN_WEB_SOCKET=/data/pointsman.sock POINTSMAN_SOCKET=/data/pointsman.sock", "USER 65532:65532"} {
		if !strings.Contains(string(b), "\n"+line+"\n") {
			t.Errorf("the Dockerfile lacks the line %q", line)
		}
	}
}

// An end that had to cut somebody off is still an end in order: a service manager must not call it a crash.
func TestARequestThatHangsDoesNotMakeTheEndAFailure(t *testing.T) {
	t.Parallel()
	hangs := make(chan struct{})
	s, err := listen(t.Context(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(hangs)
		<-r.Context().Done()
	}), configs.Web{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	s.start()
	cut := make(chan error, 1)
	go func() {
		resp, err := http.Get("http://" + s.tcp.Addr().String())
		if err == nil {
			err = resp.Body.Close()
		}
		cut <- err
	}()
	<-hangs
	if err := s.stop(10 * time.Millisecond); err != nil {
		t.Errorf("the end failed: %v", err)
	}
	if err := <-cut; err == nil {
		t.Error("the request that hung was answered")
	}
}

// Told to stop before it began: the next server must find the address and the socket free.
func TestAServerThatNeverBeganLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "p") // t.TempDir is too long for the name of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	web := configs.Web{Listen: "127.0.0.1:0", Socket: filepath.Join(dir, "s")}
	s, err := listen(t.Context(), http.NotFoundHandler(), web)
	if err != nil {
		t.Fatal(err)
	}
	web.Listen = s.tcp.Addr().String()
	if err := s.stop(0); err != nil {
		t.Fatal(err)
	}
	next, err := listen(t.Context(), http.NotFoundHandler(), web)
	if err != nil {
		t.Fatal(err)
	}
	if err := next.stop(0); err != nil {
		t.Error(err)
	}
}
