package postgres

import (
	"slices"
	"testing"

	"github.com/pointsman/pointsman/actions/postgres/ini"
	"github.com/pointsman/pointsman/actions/postgres/probe"
)

// A node whose address is IPv6 is led to, followed and told to its hook like every other.
func TestANodeByIPv6HasAPlace(t *testing.T) {
	t.Parallel()
	n := Node{Name: "pg-1", Address: Address{DSN: "postgres://p@[2001:db8::1]:5433/app"}}
	if at, err := n.place(); err != nil || at != (ini.Place{Host: "2001:db8::1", Port: "5433"}) {
		t.Errorf("a pooler would lead to %s (%v)", at, err)
	}
	standby := Reading{Node: n.Name, Addr: n.addr(), Sighting: probe.Sighting{State: Standby}}
	other := Reading{Node: "pg-2", Receiver: Receiver{Host: "2001:db8::1", Port: 5433}}
	if s := (Situation{Readings: []Reading{standby, other}}); !s.cascades(other) {
		t.Error("a standby that follows pg-1 is taken for one that follows the primary")
	}
	env := nodeTask{primary: standby}.env()
	for _, want := range []string{"POINTSMAN_PRIMARY_HOST=2001:db8::1", "POINTSMAN_PRIMARY_PORT=5433"} {
		if !slices.Contains(env, want) {
			t.Errorf("the hook is not told %s: %v", want, env)
		}
	}
}
