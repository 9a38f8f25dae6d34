package postgres

import (
	"encoding/json"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/actiontest"
	"github.com/pointsman/pointsman/cmd/lab"
)

func isNotSent(err error) bool {
	_, ok := errors.AsType[*actions.NotSentError](err)
	return ok
}

// TestOnlyAConnectionThatNeverCameAboutSentNothing: a server that took the call and says nothing is another matter, which
// a person decides.
func TestOnlyAConnectionThatNeverCameAboutSentNothing(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	for name, c := range map[string]struct {
		addr string
		want bool
	}{"refused": {"127.0.0.1:1", true}, "no such name": {"no-such-host.invalid:5432", true}, "silent": {silent.Addr().String(), false}} {
		clusters := New(Config{{
			Name: "orders", ReadTimeout: 300 * time.Millisecond, Database: "app",
			Nodes: []Node{{Name: "pg-1", Address: Address{DSN: "postgres://pointsman@" + c.addr + "/app?sslmode=disable"}}},
		}}, nil)
		for kind, with := range map[string]string{
			"postgres.checkpoint": `{"cluster": "orders", "node": "pg-1"}`,
			"postgres.terminate":  `{"cluster": "orders", "node": "pg-1", "all": true}`,
		} {
			for _, k := range clusters.Kinds() {
				if k.Kind() != kind {
					continue
				}
				_, err := k.Apply(t.Context(), actions.Input{Target: pointsman.Target{Kind: "postgres", Name: "orders"}, With: json.RawMessage(with)})
				if err == nil || isNotSent(err) != c.want {
					t.Errorf("%s, %s: %T %v", name, kind, err, err)
				}
			}
		}
	}
}

func TestAPromotionOverAConnectionThatHadEndedSentNothing(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), lab.PostgresDSN(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := promote(actiontest.Asleep(t.Context()), conn, nil); !isNotSent(err) {
		t.Errorf("%v: its time was over, so nothing may be sent", err)
	}
	// A server that is no standby answers the request itself: it was sent.
	if _, err := promote(t.Context(), conn, nil); err == nil || isNotSent(err) {
		t.Errorf("%v: that was sent", err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := promote(t.Context(), conn, nil); !isNotSent(err) {
		t.Errorf("%v, want an error that proves that nothing was sent", err)
	}
	// Within a switchover the old primary is stopped by then: the step as a whole has sent a lot.
	s := &swapping{switching: switching{candidate: "pg-2"}, conn: conn}
	if err := s.promote(t.Context()); err == nil || isNotSent(err) {
		t.Errorf("%v: of the switchover something was sent", err)
	}
}
