package patroni_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsman/pointsman/actions/patroni"
)

const (
	canary   = "canary-of-patroni"
	systemID = "7300000000000000001"
)

// fake are three REST APIs that answer as Patroni 3.0 does, for what a real cluster cannot be made to answer on demand.
// Tests change it before they look.
type fake struct {
	mu        sync.Mutex
	members   []*fakeMember
	timeline  int // of the cluster
	paused    bool
	sync      bool // synchronous mode
	scheduled bool
	history   [][]any
	asked     []string // every POST: member, path and body
	// answer is what a POST does, and is answered with.
	answer func(f *fake, candidate string) (status int, text string)
}

type fakeMember struct {
	name, role, state, scope, id string
	timeline                     int
	lag                          any
	tags                         map[string]any
	silent, writes               bool // writes: it says that it is primary, whoever holds the key
	view                         *fake
	server                       *httptest.Server
}

// newFake is a healthy cluster: pg-1 leads on timeline 3, pg-2 and pg-3 follow.
func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{timeline: 3, history: [][]any{{1, 100, "no recovery target specified", "2026-11-01T08:00:00+00:00", "pg-2"}, {2, 200, "no recovery target specified", "2026-11-02T08:00:00+00:00", "pg-1"}}}
	f.answer = func(f *fake, candidate string) (int, string) {
		f.lead(candidate)
		return 200, fmt.Sprintf("Successfully switched over to %q", candidate)
	}
	for i := range 3 {
		m := &fakeMember{name: fmt.Sprintf("pg-%d", i+1), role: "replica", state: "running", scope: "orders", id: systemID, timeline: 3, lag: 0}
		m.server = httptest.NewServer(f.handler(m))
		t.Cleanup(m.server.Close)
		f.members = append(f.members, m)
	}
	f.members[0].role, f.members[0].writes = "leader", true
	return f
}

// lead makes the member the leader on the next timeline, followed by the others.
func (f *fake) lead(name string) {
	f.history = append(f.history, []any{f.timeline, 300, "no recovery target specified", "2026-11-21T08:00:00+00:00", name})
	f.timeline++
	for _, m := range f.members {
		m.role, m.writes, m.timeline = "replica", false, f.timeline
		if m.name == name {
			m.role, m.writes = "leader", true
		}
	}
}

// vacant is the cluster after the leader was lost and its key has ended.
func (f *fake) vacant() {
	f.members[0].silent, f.members[0].role, f.members[0].writes = true, "replica", false
}

func (f *fake) config() patroni.Cluster {
	c := patroni.Cluster{Name: "orders", Scope: "orders", Username: "pointsman", Password: canary, ReadTimeout: 5 * time.Second}
	for _, m := range f.members {
		c.Members = append(c.Members, patroni.Member{Name: m.name, URL: m.server.URL})
	}
	return c
}

func (f *fake) clusters() *patroni.Clusters { return patroni.New(patroni.Config{f.config()}) }

func (f *fake) handler(m *fakeMember) http.Handler {
	mux := http.NewServeMux()
	get := func(path string, body func() (int, any)) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if m.silent || r.Header.Get("Authorization") != "" { // the password goes with changes only
				panic(http.ErrAbortHandler)
			}
			status, v := body()
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(v)
		})
	}
	yes := func(ok bool) (int, any) {
		if ok {
			return 200, m.self(f)
		}
		return 503, m.self(f)
	}
	get("/patroni", func() (int, any) { return yes(m.state == "running") })
	get("/health", func() (int, any) { return yes(m.state == "running") })
	get("/leader", func() (int, any) { return yes(m.role == "leader") })
	get("/replica", func() (int, any) { return yes(m.role != "leader") })
	get("/cluster", func() (int, any) {
		if m.view != nil {
			return 200, m.view.cluster()
		}
		return 200, f.cluster()
	})
	get("/history", func() (int, any) { return 200, f.history })
	get("/config", func() (int, any) {
		return 200, map[string]any{"loop_wait": 10, "ttl": 30, "synchronous_mode": f.sync}
	})
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) { f.post(m, w, r) })
	return mux
}

// post carries a request out as the test wants it.
func (f *fake) post(m *fakeMember, w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil || m.silent {
		panic(http.ErrAbortHandler)
	}
	f.asked = append(f.asked, m.name+" "+r.URL.Path+" "+string(body))
	if user, password, ok := r.BasicAuth(); !ok || user != "pointsman" || password != canary {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, "not authenticated")
		return
	}
	var asked struct{ Candidate string }
	if json.Unmarshal(body, &asked) != nil {
		panic(http.ErrAbortHandler)
	}
	status, text := f.answer(f, asked.Candidate)
	if status == 0 {
		panic(http.ErrAbortHandler) // the connection ends without an answer
	}
	w.WriteHeader(status)
	fmt.Fprint(w, text)
}

func (m *fakeMember) self(f *fake) map[string]any {
	role := "replica"
	if m.writes {
		role = "master"
	}
	out := map[string]any{
		"state": m.state, "role": role, "timeline": m.timeline, "database_system_identifier": m.id, "tags": m.tags,
		"patroni": map[string]any{"version": "3.0.2", "scope": m.scope}, "xlog": map[string]any{"received_location": 1000, "replayed_location": 1000},
	}
	var receivers []map[string]any
	for _, other := range f.members {
		if other != m && !other.silent && m.writes && other.timeline == m.timeline {
			receivers = append(receivers, map[string]any{"application_name": other.name, "state": "streaming"})
		}
	}
	out["replication"] = receivers
	return out
}

// cluster is the view that all members have of the DCS.
func (f *fake) cluster() map[string]any {
	var members []map[string]any
	for _, m := range f.members {
		one := map[string]any{"name": m.name, "role": m.role, "state": m.state, "timeline": m.timeline, "tags": m.tags}
		if m.role != "leader" {
			one["lag"] = m.lag
		}
		members = append(members, one)
	}
	out := map[string]any{"members": members}
	if f.paused {
		out["pause"] = true
	}
	if f.scheduled {
		out["scheduled_switchover"] = map[string]any{"at": "2026-11-22T03:00:00+00:00", "from": "pg-1", "to": "pg-3"}
	}
	return out
}

func (f *fake) requests() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.asked, "\n")
}
