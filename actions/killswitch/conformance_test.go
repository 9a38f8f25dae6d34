package killswitch_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/actiontest"
	"github.com/pointsman/pointsman/actions/killswitch"
	"github.com/pointsman/pointsman/cmd/lab"
)

const password = "hunter2-of-the-switch"

// TestConformance runs the shared suite on each kind.
func TestConformance(t *testing.T) {
	t.Parallel()
	const engaged = `INSERT INTO kill_switch_state VALUES (1, true, 'INC-3/R1: quotes were wrong (Chi)', '2026-11-20T03:00:00Z');`
	for _, c := range []struct {
		kind, row, with string
		pins            map[string]string
		unhindered      string
		looks           bool
	}{
		{kind: killswitch.KindEngage, row: released, with: `{"switch":"trading"}`, unhindered: "whoever wants to stop something is not kept from it by what is not known"},
		{kind: killswitch.KindRelease, row: engaged, with: `{"switch":"trading"}`, pins: map[string]string{"row of trading": "2026-11-20T03:00:00Z"}},
		{kind: killswitch.KindVerify, row: engaged, with: `{"switch":"trading","want":"engaged"}`, unhindered: "before a failover of its own database it cannot be read; the step itself fails then", looks: true},
	} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			pg, s := server(t, table+c.row)
			s.DSN = strings.Replace(s.DSN, "pointsman@", "pointsman:"+password+"@", 1)
			in := input("the quotes are right again")
			in.With, in.Pins = json.RawMessage(c.with), c.pins
			nobody := killswitch.Switch{Name: "trading", DSN: "postgres://pointsman:" + password + "@127.0.0.1:1/app"}
			actiontest.Run(t, actiontest.Suite{
				Action: kind(t, watcher(t, s), c.kind), In: in, World: contents(t, pg), Secrets: []string{password}, OnlyLooks: c.looks,
				Failing: []actions.Action{kind(t, watcher(t, nobody), c.kind)}, Unhindered: c.unhindered,
			})
		})
	}
}

// contents is all that a kill switch could change.
func contents(t *testing.T, pg *lab.Postgres) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		engaged, reason, at := stored(t, pg.SuperuserDSN())
		raw, err := json.Marshal(map[string]any{"engaged": engaged, "reason": reason, "at": at.Format(time.RFC3339Nano)})
		return string(raw), err
	}
}
