package patroni_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/pointsman/pointsman/actions/patroni"
)

// TestALookOpensFewConnections: Patroni's server lets five wait, and one more costs a second.
func TestALookOpensFewConnections(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	first := f.members[0]
	server := httptest.NewUnstartedServer(first.server.Config.Handler)
	var open, most atomic.Int32
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			n := open.Add(1)
			for had := most.Load(); n > had && !most.CompareAndSwap(had, n); had = most.Load() {
			}
		case http.StateClosed:
			open.Add(-1)
		}
	}
	server.Config.SetKeepAlivesEnabled(false) // as Patroni does: one request, one connection
	server.Start()
	t.Cleanup(server.Close)
	first.server = server
	w := &world{clusters: patroni.New(patroni.Config{f.config()})}
	mustStand(t, w.status(t, "switchover", nil))
	// One that is being closed at the server's side may be counted still.
	if n := most.Load(); n == 0 || n > 5 {
		t.Errorf("%d connections at a time, want at most 5", n)
	}
}
