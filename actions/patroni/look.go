package patroni

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/pointsman/pointsman/actions"
)

// Reading is what one member told at one time.
type Reading struct {
	Member  string
	At      time.Time
	Fault   string // why it told nothing about itself; empty when it did
	Self    Self
	Leads   bool // GET /leader: 200
	Healthy bool // GET /health: 200
	// Replica is GET /replica: 200. A replica with the tag noloadbalance answers 503 and can lead all the same.
	Replica   bool
	View      *View  // nil where it did not tell
	ViewFault string // why: most often it does not reach the DCS
	History   []Promotion
	Settings  settings
}

// Situation is everything that was read about one cluster at one time. Judging it needs nothing else.
type Situation struct {
	Cluster  Cluster
	Readings []Reading // in the order of the configuration
	At       time.Time // when the reading began: no fact is younger
}

// Clusters are the configured clusters.
type Clusters struct {
	byName  map[string]Cluster
	order   []string
	flights singleflight.Group
}

// New makes the clusters of a configuration that was validated.
func New(cfg Config) *Clusters {
	c := &Clusters{byName: map[string]Cluster{}}
	for _, cluster := range cfg {
		c.byName[cluster.Name] = cluster.WithDefaults()
		c.order = append(c.order, cluster.Name)
	}
	return c
}

// Kinds are the actions on these clusters.
func (c *Clusters) Kinds() []actions.Action {
	on := onCluster{c}
	return []actions.Action{Status{on}, Switchover{on}, Failover{on}}
}

// find returns the configured cluster that the step names. It must be the plan's target, whose lock the run holds.
func (c *Clusters) find(in actions.Input, name string) (Cluster, error) {
	cluster, ok := c.byName[name]
	if !ok {
		return Cluster{}, fmt.Errorf("no Patroni cluster %q is configured; there are %s", name, strings.Join(c.order, ", "))
	}
	if in.Target.Kind != "patroni" || in.Target.Name != name {
		return Cluster{}, fmt.Errorf("the step names the Patroni cluster %q, and the plan's target, which the run locks, is %s", name, cmp.Or(in.Target.Key(), "none"))
	}
	return cluster, nil
}

func (c Cluster) has(member string) error {
	if _, ok := c.member(member); !ok {
		return fmt.Errorf("cluster %s has no member %q; it has %s", c.Name, member, strings.Join(c.names(), ", "))
	}
	return nil
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

// shared joins looks at the same time into one: the checks of a plan run beside each other.
func (c *Clusters) shared(ctx context.Context, cluster Cluster) (Situation, error) {
	limit := budget(ctx, cluster.ReadTimeout)
	done := c.flights.DoChan(cluster.Name, func() (any, error) {
		// Not the caller's context: one caller who gives up must not blind the others.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer cancel()
		return cluster.look(ctx)
	})
	select {
	case <-ctx.Done():
		return Situation{}, fmt.Errorf("look at %s: %w", cluster.Name, context.Cause(ctx))
	case r := <-done:
		s, ok := r.Val.(Situation)
		if !ok || r.Err != nil {
			return Situation{}, fmt.Errorf("look at %s: %w", cluster.Name, r.Err)
		}
		return s, nil
	}
}

// look asks all members beside each other. A member that does not answer costs its reading and not the look.
func (c Cluster) look(ctx context.Context) (Situation, error) {
	s := Situation{Cluster: c, Readings: make([]Reading, len(c.Members)), At: time.Now()}
	ctx, cancel := context.WithTimeout(ctx, budget(ctx, c.ReadTimeout))
	defer cancel()
	client, err := c.client()
	if err != nil {
		return s, err
	}
	defer client.CloseIdleConnections()
	var wg sync.WaitGroup
	for i, m := range c.Members {
		wg.Go(func() { s.Readings[i] = read(ctx, client, m) })
	}
	wg.Wait()
	return s, nil
}

// read asks one member everything at once.
func read(ctx context.Context, client *http.Client, m Member) Reading {
	r := Reading{Member: m.Name, At: time.Now()}
	var view View
	var selfErr, viewErr error
	var wg sync.WaitGroup
	wg.Go(func() { _, selfErr = get(ctx, client, m, "/patroni", &r.Self) })
	wg.Go(func() { _, viewErr = get(ctx, client, m, "/cluster", &view) })
	for path, yes := range map[string]*bool{"/leader": &r.Leads, "/replica": &r.Replica, "/health": &r.Healthy} {
		wg.Go(func() {
			status, err := get(ctx, client, m, path, nil)
			*yes = err == nil && status == http.StatusOK
		})
	}
	// Without history or settings less can be told, and the facts that need them say so.
	wg.Go(func() {
		if _, err := get(ctx, client, m, "/history", &r.History); err != nil {
			r.History = nil
		}
	})
	wg.Go(func() {
		if _, err := get(ctx, client, m, "/config", &r.Settings); err != nil {
			r.Settings = settings{}
		}
	})
	wg.Wait()
	if selfErr != nil {
		r.Fault, r.Self = selfErr.Error(), Self{}
	}
	if viewErr == nil && len(view.Members) > 0 {
		r.View = &view
	} else if viewErr != nil {
		r.ViewFault = viewErr.Error()
	} else {
		r.ViewFault = "/cluster names no members"
	}
	return r
}

// reading returns what the member told.
func (s Situation) reading(member string) Reading {
	i := slices.IndexFunc(s.Readings, func(r Reading) bool { return r.Member == member })
	if i < 0 {
		return Reading{Member: member, At: s.At, Fault: "it is not configured"}
	}
	return s.Readings[i]
}
