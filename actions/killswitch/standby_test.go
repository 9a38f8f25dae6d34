package killswitch_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/killswitch"
	"github.com/pointsman/pointsman/cmd/lab"
)

func TestAStandbyIsNeitherReadNorWritten(t *testing.T) {
	t.Parallel()
	pair := lab.NewPair(t, lab.PairOptions{})
	exec(t, pair.Primary, table+released)
	w := watcher(t, killswitch.Switch{Name: "trading", DSN: pair.Standby.PointsmanDSN()}, killswitch.Switch{Name: "clients", DSN: pair.ClientDSN(lab.Pointsman)})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // it insists to the end
	defer cancel()
	_, err := kind(t, w, killswitch.KindEngage).Apply(ctx, input("x"))
	if err == nil || err.Error() != "the DSN of trading leads to a standby, so nothing was written; promote it or correct the DSN" {
		t.Errorf("error %v", err)
	}
	if _, err := kind(t, w, killswitch.KindVerify).Verify(t.Context(), input("")); err == nil || !strings.Contains(err.Error(), "is a standby, which may miss the last write") {
		t.Errorf("error %v", err)
	}

	// The address of the clients leads to the primary, and after a failover to the new one. The last write is lost
	// there, and the watcher says so.
	in := input("orders run away")
	in.With = json.RawMessage(`{"switch":"clients"}`)
	ev, err := kind(t, w, killswitch.KindVerify).Check(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, pair.Standby, `ALTER SYSTEM SET primary_conninfo = ''`)
	exec(t, pair.Standby, `SELECT pg_reload_conf()`)
	await(t, func(ctx context.Context) error {
		return pair.Standby.Exec(ctx, `DO $$ BEGIN IF EXISTS (SELECT FROM pg_stat_wal_receiver) THEN RAISE 'still receives'; END IF; END $$`)
	})
	if _, err := kind(t, w, killswitch.KindEngage).Apply(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if err := pair.KillPrimary(); err != nil {
		t.Fatal(err)
	}
	exec(t, pair.Standby, `SELECT pg_promote()`)
	got, err := kind(t, w, killswitch.KindVerify).Verify(t.Context(), in)
	if err != nil || got.Holds {
		t.Fatalf("evidence %+v, error %v, want it not to hold: the engaged row is lost", got, err)
	}
	if f := got.Facts[1]; f.Kind != pointsman.Warn || !strings.HasSuffix(f.Text, "was seen: a just engaged switch may have been lost") {
		t.Errorf("fact %+v", f)
	}
	if st, _ := w.Status("clients"); !st.WentBack || st.State != killswitch.Released {
		t.Errorf("status %+v", st)
	}
	// Another process, which saw nothing of this, knows it from the plan.
	fresh := watcher(t, killswitch.Switch{Name: "clients", DSN: pair.ClientDSN(lab.Pointsman)})
	in.Pins = ev.Pins
	if got, err := kind(t, fresh, killswitch.KindVerify).Verify(t.Context(), in); err != nil || !got.Holds {
		t.Errorf("evidence %+v, error %v, want it to hold: the plan was made before the engage", got, err)
	}
	in.Pins = map[string]string{"last seen row of clients": time.Now().UTC().Format(time.RFC3339Nano)}
	if got, err := kind(t, fresh, killswitch.KindVerify).Verify(t.Context(), in); err != nil || got.Holds {
		t.Errorf("evidence %+v, error %v, want it not to hold", got, err)
	}
	// Engaged again, in doubt: the safe direction, and in order.
	if _, err := kind(t, w, killswitch.KindEngage).Apply(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if got, err := kind(t, w, killswitch.KindVerify).Verify(t.Context(), in); err != nil || !got.Holds || len(got.Facts) != 1 {
		t.Errorf("evidence %+v, error %v", got, err)
	}
}
