package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman/actions/postgres/probe"
)

// Situation is everything that was read about one cluster at one time. Judging it needs nothing else.
type Situation struct {
	Cluster  Cluster
	Readings []Reading               // in the order of the configuration
	Probes   map[string][]ProbeSight // by node
	Sample   Sample                  // what was last known while the primary was healthy
	Began    time.Time               // when the look began: a node that answered at once may have stopped while another one was waited for
	At       time.Time
}

// ProbeSight is how one probe sees one node.
type ProbeSight struct {
	Probe string
	probe.Sighting
}

// reading returns what the node told.
func (s Situation) reading(node string) Reading {
	for _, r := range s.Readings {
		if r.Node == node {
			return r
		}
	}
	return Reading{Node: node, Sighting: probe.Sighting{State: Unsure, Detail: "not configured", At: s.At}}
}

// in lists the nodes that we see in the state.
func (s Situation) in(state State) []Reading {
	var out []Reading
	for _, r := range s.Readings {
		if r.State == state {
			out = append(out, r)
		}
	}
	return out
}

// reserve is kept of a caller's deadline for judging and answering.
const reserve = 200 * time.Millisecond

// budget bounds one look: the configured time, or less when the caller has less left.
func budget(ctx context.Context, want time.Duration) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		want = min(want, time.Until(deadline)-reserve)
	}
	return max(want, time.Millisecond)
}

// hasty is what a look says that had less time than it should have: our haste is no sign of a server's death.
func (r Reading) hasty(limit, want time.Duration) Reading {
	if r.State == Hung && limit < want/2 {
		r.State, r.Detail = Unsure, "too little time was left to tell"
	}
	return r
}

// look reads all nodes and all vantage points beside each other. The connections of the nodes named in keep stay open
// and belong to the caller.
func (c *Clusters) look(ctx context.Context, cluster Cluster, keep ...string) (Situation, map[string]*pgx.Conn) {
	s := Situation{Cluster: cluster, Readings: make([]Reading, len(cluster.Nodes)), Probes: map[string][]ProbeSight{}, Began: c.Clock.Now()}
	kept := map[string]*pgx.Conn{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	limit := budget(ctx, cluster.ReadTimeout)
	nodeCtx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for i, n := range cluster.Nodes {
		wg.Go(func() {
			r, conn := c.lines.read(nodeCtx, n, cluster.HeartbeatTable)
			r.At = c.Clock.Stored(r.At) // samples are made of it
			r = r.hasty(limit, cluster.ReadTimeout)
			mu.Lock()
			defer mu.Unlock()
			s.Readings[i] = r
			if slices.Contains(keep, n.Name) && conn != nil {
				kept[n.Name] = conn
				return
			}
			c.lines.keep(conn)
		})
	}
	// A probe that looks at a hung node needs the whole time itself, so it gets a little more to say so.
	probeCtx, cancelProbes := context.WithTimeout(ctx, budget(ctx, cluster.ReadTimeout+reserve))
	defer cancelProbes()
	for _, p := range cluster.Probes {
		for _, n := range cluster.Nodes {
			wg.Go(func() {
				seen := c.asked(probeCtx, p, probe.Question{Cluster: cluster.Name, Node: n.Name})
				mu.Lock()
				defer mu.Unlock()
				s.Probes[n.Name] = append(s.Probes[n.Name], ProbeSight{Probe: p.Name, Sighting: seen})
			})
		}
	}
	wg.Wait()
	for _, seen := range s.Probes {
		slices.SortFunc(seen, func(a, b ProbeSight) int { return strings.Compare(a.Probe, b.Probe) })
	}
	s.At = c.Clock.Now()
	s.Sample = c.samples.saw(s)
	s.doubted()
	return s, kept
}

// shared joins looks at one cluster that are asked for at the same time: the checks of all steps of a plan run beside
// each other, and a full server should not be asked four times.
func (c *Clusters) shared(ctx context.Context, cluster Cluster) (Situation, error) {
	limit := budget(ctx, cluster.ReadTimeout+reserve)
	done := c.flights.DoChan(cluster.Name, func() (any, error) {
		// Not the caller's context: one caller who gives up must not blind the others.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer cancel()
		s, _ := c.look(ctx, cluster)
		return s, nil
	})
	select {
	case <-ctx.Done():
		return Situation{}, fmt.Errorf("look at %s: %w", cluster.Name, context.Cause(ctx))
	case r := <-done:
		s, ok := r.Val.(Situation)
		if !ok {
			return Situation{}, fmt.Errorf("look at %s: %w", cluster.Name, r.Err)
		}
		return s, nil
	}
}

// Look is how this process sees one configured node: what a probe answers.
func (c *Clusters) Look(ctx context.Context, cluster, node string) (probe.Sighting, bool) {
	conf, ok := c.byName[cluster]
	if !ok {
		return probe.Sighting{}, false
	}
	n, ok := conf.node(node)
	if !ok {
		return probe.Sighting{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, conf.ReadTimeout)
	defer cancel()
	r, conn := c.lines.read(ctx, n, conf.HeartbeatTable)
	c.lines.keep(conn)
	r.Server = r.server()
	return r.Sighting, true
}
