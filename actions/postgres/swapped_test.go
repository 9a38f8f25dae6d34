package postgres_test

import (
	"context"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/actions/postgres/probe"
	"github.com/pointsman/pointsman/cmd/lab"
)

// older is a probe of before: it does not tell which server it sees.
type older struct{ c *postgres.Clusters }

func (o older) Look(ctx context.Context, cluster, node string) (probe.Sighting, bool) {
	seen, ok := o.c.Look(ctx, cluster, node)
	seen.Server = probe.Server{}
	return seen, ok
}

func probeOf(t *testing.T, looker probe.Looker) string {
	t.Helper()
	server := httptest.NewServer(probe.Handler(looker, func() (string, error) { return token, nil }))
	t.Cleanup(server.Close)
	return server.URL
}

// On the probe's machine the address of pg-1 leads to pg-2: of a primary that hangs it would say for ever that it is a standby.
func TestProbeThatLooksAtTheWrongServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.PairOptions{})
	swapped, right := w.cluster, w.cluster
	swapped.Nodes = slices.Clone(swapped.Nodes)
	swapped.Nodes[0].DSN, swapped.Nodes[1].DSN = swapped.Nodes[1].DSN, swapped.Nodes[0].DSN
	wrong := probeOf(t, postgres.New(postgres.Config{swapped}, nil))
	old := probeOf(t, older{postgres.New(postgres.Config{right}, nil)})
	got := w.faults(t, func(c *postgres.Cluster) { c.Probes[0].URL = wrong })
	for _, want := range []string{"HARD postgres/orders probe probe-b sees pg-1: from there pg-1 is a standby, and it is another server", "probe probe-b sees pg-2: from there pg-2 takes writes, and"} {
		if !strings.Contains(got, want) {
			t.Errorf("the doctor does not say %q:\n%s", want, got)
		}
	}
	got = w.faults(t, func(c *postgres.Cluster) { c.Probes[0].URL = old })
	if want := "WARN postgres/orders probe probe-b says which server it sees: it is an older Pointsman"; !strings.Contains(got, want) || strings.Contains(got, "HARD") {
		t.Errorf("of an older probe the doctor says:\n%s", got)
	}

	w.cluster.Probes[0].URL = wrong
	w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
	w.sampled(t)
	if err := w.pair.Primary.Freeze(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.pair.Primary.Thaw() })
	ev := w.check(t, "postgres.check", checkArgs)
	i := slices.IndexFunc(ev.Facts, func(f pointsman.Fact) bool { return f.Name == "vantage points" })
	if i < 0 || ev.Facts[i].Value != "1 of 2 see pg-1 gone" || !strings.Contains(ev.Facts[i].Text, "probe-b does not count: it looks at another server: it is pg-2") {
		t.Errorf("the probe sees pg-2 and is counted for pg-1: %+v", ev.Facts)
	}
	fence := w.kind(t, "postgres.fence")
	in := input(fenceArgs)
	in.Memo = []byte(`{"node":"pg-1","hook":"failed"}`)
	if ev, err := fence.Verify(t.Context(), in); err != nil || ev.Holds {
		t.Errorf("the hook failed, pg-1 only hangs, and the fence holds %t, error %v", ev.Holds, err)
	}
}
