package postgres

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/pointsman/pointsman/actions"
)

// Clusters are the configured clusters, with what is remembered of them while they are healthy.
type Clusters struct {
	// Clock is the store's; it is set before anything is looked at. Heartbeats and samples go by it, because they are
	// shared with other replicas and outlive this process.
	Clock actions.Clock

	byName  map[string]Cluster
	names   []string
	samples *memory
	flights singleflight.Group
	vantage vantage
	lines   lines
	log     *slog.Logger
}

// New makes the clusters of a configuration that was validated. log may be nil.
func New(cfg Config, log *slog.Logger) *Clusters {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Clusters{byName: map[string]Cluster{}, samples: &memory{last: map[string]Sample{}, log: log}, vantage: vantageOf(cfg), log: log}
	c.samples.now = func() time.Time { return c.Clock.Now() }
	for _, cluster := range cfg {
		c.byName[cluster.Name] = cluster.WithDefaults()
		c.names = append(c.names, cluster.Name)
	}
	return c
}

// Kinds are the actions on these clusters.
func (c *Clusters) Kinds() []actions.Action {
	on := onCluster{c}
	return []actions.Action{
		Check{on},
		Fencing{on},
		Promote{on},
		Verify{on},
		Lag{on},
		Repoint{on},
		Checkpoint{on},
		Terminate{on},
		Rejoin{on},
		Switchover{on},
		Pause{on},
		Resume{on},
	}
}

// find returns the configured cluster that the step names. It must be the plan's target, whose lock the run holds.
func (c *Clusters) find(in actions.Input, name string) (Cluster, error) {
	cluster, ok := c.byName[name]
	if !ok {
		return Cluster{}, fmt.Errorf("no PostgreSQL cluster %q is configured; there are %s", name, strings.Join(c.names, ", "))
	}
	if in.Target.Kind != "postgres" || in.Target.Name != name {
		return Cluster{}, fmt.Errorf("the step names the cluster %q, and the plan's target, which the run locks, is %s", name, cmp.Or(in.Target.Key(), "none"))
	}
	return cluster, nil
}

// having is find for a step that also names a node of the cluster.
func (c *Clusters) having(in actions.Input, name, node string) (Cluster, error) {
	cluster, err := c.find(in, name)
	if err != nil {
		return cluster, err
	}
	return cluster, cluster.has(node)
}

// has refuses a node that is not configured.
func (c Cluster) has(node string) error {
	if _, ok := c.node(node); !ok {
		return fmt.Errorf("cluster %s has no node %q; it has %s", c.Name, node, strings.Join(c.nodeNames(), ", "))
	}
	return nil
}

func oneOf(name, value string, allowed ...string) error {
	if actions.Reference(value) || slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s is %q, it must be one of %s", name, value, strings.Join(allowed, ", "))
}
