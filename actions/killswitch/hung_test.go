package killswitch_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman/actions/killswitch"
	"github.com/pointsman/pointsman/cmd/lab"
)

// TestAHostThatHangsKeepsNobodyFromTheSwitch: the old primary stands first in the address and hangs, the other one was promoted. The
// address has no connect_timeout, so a client of the driver's own would wait for the first one until it gave the whole thing up.
func TestAHostThatHangsKeepsNobodyFromTheSwitch(t *testing.T) {
	t.Parallel()
	pair := lab.NewPair(t, lab.PairOptions{})
	exec(t, pair.Primary, table+released)
	await(t, func(ctx context.Context) error {
		return pair.Standby.Exec(ctx, "SELECT 1 / count(*) FROM kill_switch_state")
	})
	address := strings.Replace(pair.ClientDSN(lab.Pointsman), "connect_timeout=5&", "", 1)
	w := watcher(t, killswitch.Switch{Name: "trading", DSN: address})
	if err := pair.FreezePrimary(); err != nil {
		t.Fatal(err)
	}
	exec(t, pair.Standby, "SELECT pg_promote()")

	if st, err := w.Look(t.Context(), "trading"); err != nil || st.State != killswitch.Released {
		t.Errorf("status %+v, %v", st, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // as the shipped runbook gives it
	defer cancel()
	if _, err := kind(t, w, killswitch.KindEngage).Apply(ctx, input("orders run away")); err != nil {
		t.Fatal(err)
	}
	if engaged, reason, _ := stored(t, pair.Standby.PointsmanDSN()); !engaged || !strings.Contains(reason, "orders run away") {
		t.Errorf("engaged %t, reason %q", engaged, reason)
	}
}
