package patroni

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestAsk_goes_on_to_the_next_member_where_one_takes_no_connection: a network that swallows packets used to use up all the time.
func TestAsk_goes_on_to_the_next_member_where_one_takes_no_connection(t *testing.T) {
	t.Parallel()
	deaf, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts, so no handshake ends
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = deaf.Close() })
	hears := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `Successfully failed over to "pg-2"`)
	}))
	t.Cleanup(hears.Close)
	s := Situation{Cluster: Cluster{
		Members: []Member{{Name: "pg-1", URL: "https://" + deaf.Addr().String()}, {Name: "pg-2", URL: hears.URL}}, ReadTimeout: 200 * time.Millisecond,
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	m := memo{Asked: "failover", Candidate: "pg-2"}
	if err := s.ask(ctx, request{via: []string{"pg-1", "pg-2"}, path: "/failover", body: map[string]string{"candidate": "pg-2"}}, &m); err != nil || m.Via != "pg-2" {
		t.Errorf("asked %q, error %v", m.Via, err)
	}
}
