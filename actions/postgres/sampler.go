package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// beatRow is the sampler's row in the heartbeat table, writeRow the one that postgres.verify writes.
const (
	beatRow  = 1
	writeRow = 2
)

// beatSQL writes the time by the store's clock, whichever replica does: the seconds of a loss are then differences of one clock.
const beatSQL = ` (id, at, token) VALUES ($1, $2, $3)
	ON CONFLICT (id) DO UPDATE SET at = excluded.at, token = excluded.token`

// Sampler remembers how far each primary was while it is healthy, and leaves a heartbeat in it. Run it for the life of
// the process; without it a loss is "unknown" and needs one more approver.
type Sampler struct{ Clusters *Clusters }

// Run samples until the context ends.
func (s Sampler) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, name := range s.Clusters.names {
		wg.Go(func() { s.Clusters.sample(ctx, s.Clusters.byName[name]) })
	}
	wg.Wait()
	return nil
}

// Last is the newest sample of a cluster.
func (s Sampler) Last(cluster string) Sample { return s.Clusters.samples.of(cluster) }

// sample keeps one connection to the primary; when it breaks, all nodes are looked at again.
func (c *Clusters) sample(ctx context.Context, cluster Cluster) {
	tick := time.NewTicker(cluster.SampleEvery)
	defer tick.Stop()
	var conn *pgx.Conn
	var node string
	for {
		conn, node = c.sampleOnce(ctx, cluster, conn, node)
		select {
		case <-ctx.Done():
			discard(conn)
			return
		case <-tick.C:
		}
	}
}

func (c *Clusters) sampleOnce(ctx context.Context, cluster Cluster, conn *pgx.Conn, node string) (*pgx.Conn, string) {
	if conn != nil {
		asked := c.Clock.Now()
		if err := c.resample(ctx, cluster, conn, node); err == nil {
			return conn, node
		}
		c.samples.missed(cluster.Name, node, asked)
		discard(conn)
	}
	s, kept := c.look(ctx, cluster, cluster.nodeNames()...)
	writers := s.in(Writable)
	one := len(writers) == 1 && s.Sample.is(writers[0]) // nothing is written to a server of another cluster
	for name, conn := range kept {
		if !one || writers[0].Node != name {
			c.lines.keep(conn)
			delete(kept, name)
		}
	}
	if !one {
		c.log.Debug("no primary to sample", "cluster", cluster.Name, "writers", len(writers))
		return nil, ""
	}
	node = writers[0].Node
	c.beat(ctx, cluster, kept[node], node)
	return kept[node], node
}

// resample reads the primary again over the connection that is open.
func (c *Clusters) resample(ctx context.Context, cluster Cluster, conn *pgx.Conn, node string) error {
	ctx, cancel := context.WithTimeout(ctx, cluster.ReadTimeout)
	defer cancel()
	r := Reading{Node: node}
	if err := r.ask(ctx, conn, cluster.HeartbeatTable); err != nil {
		return err
	}
	r.At = c.Clock.Now()
	if s := c.samples.saw(Situation{Cluster: cluster, Readings: []Reading{r}, At: r.At}); r.State != Writable || !s.is(r) {
		return fmt.Errorf("%s is no primary any more", node)
	}
	c.beat(ctx, cluster, conn, node)
	return nil
}

// beat leaves the time in the heartbeat table. A primary that answers and cannot write is full, not dead.
func (c *Clusters) beat(ctx context.Context, cluster Cluster, conn *pgx.Conn, node string) {
	ctx, cancel := context.WithTimeout(ctx, cluster.ReadTimeout)
	defer cancel()
	at := c.Clock.Now().UTC().Truncate(time.Microsecond)
	_, err := conn.Exec(ctx, "INSERT INTO "+cluster.HeartbeatTable+beatSQL, beatRow, at, "beat")
	trouble := ""
	if err != nil {
		trouble = scrubbed(err, nil).Error()
	}
	c.samples.beat(cluster.Name, node, at, trouble)
}
