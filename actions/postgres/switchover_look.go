package postgres

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// stage is how far a switchover is, as the world shows it. A successor goes on from there.
type stage string

const (
	stageBefore  stage = "before"  // the old primary takes writes
	stageStopped stage = "stopped" // it was shut down in order, and nobody is primary
	stageAfter   stage = "after"   // the candidate takes writes, alone
	stageUnclear stage = "unclear"
)

// switching is everything that a switchover is judged by.
type switching struct {
	Situation
	args   SwitchoverArgs
	times  switchTimes
	wished string // the plan's old primary
	ask    asking

	old, candidate string
	stage          stage
	followers      []follower
	followersErr   error
	work           openWork
	workErr        error
	found          Inspection
	foundErr       error
	foundIn        time.Duration // that the hook had
	journey        journey
	journeyErr     error
	views          []poolerView
}

// openWork is what stands in the way of a pause, on the old primary.
type openWork struct {
	Prepared int           // prepared transactions
	Sessions int           // with a transaction open for longer than the limit
	Oldest   time.Duration // of the longest open transaction
}

// read completes a look: who is who, and what only some nodes can tell.
func (w switching) read(ctx context.Context, pins map[string]string, asked *inquiry) switching {
	w.old, w.candidate, w.stage = w.roles()
	var wg sync.WaitGroup
	if w.stage == stageBefore {
		wg.Go(func() { w.followers, w.followersErr = w.Cluster.followersOf(ctx, w.old) })
		wg.Go(func() { w.work, w.workErr = w.Cluster.workOf(ctx, w.old, w.times.wait) })
	}
	if w.ask.hook && (w.stage == stageBefore || w.stage == stageStopped) && len(w.Cluster.NodeHook.Command) > 0 {
		wg.Go(func() { // also to find out that it works, and keeps its contract, before anybody waits for it
			got := asked.about(ctx, w.Cluster, w.old)
			w.found, w.foundErr, w.foundIn = got.found, got.err, got.had
		})
	}
	if w.candidate != "" && len(w.Cluster.Poolers) > 0 {
		w.journey = journey{args: RepointArgs{Cluster: w.args.Cluster, To: w.candidate}, cluster: w.Cluster, poolers: w.Cluster.Poolers, pins: pins}
		n, _ := w.Cluster.node(w.candidate)
		if w.journey.to, w.journeyErr = n.place(); w.journeyErr == nil {
			wg.Go(func() { w.views = w.journey.look(ctx) })
		}
	}
	wg.Wait()
	return w
}

// roles tells old primary, candidate and stage. Without a plan the world says it: the primary and its most advanced
// standby. With one only the named nodes count.
func (w switching) roles() (old, candidate string, at stage) {
	old, candidate = w.wished, w.args.Candidate
	writers := w.in(Writable)
	if old == "" && len(writers) == 1 && writers[0].Node != candidate {
		old = writers[0].Node
	}
	if old == "" {
		return old, candidate, stageUnclear
	}
	if candidate == "" {
		candidate = w.mostAdvanced(old)
	}
	switch r := w.reading(old); {
	case len(writers) == 1 && writers[0].Node == old:
		return old, candidate, stageBefore
	case len(writers) == 1 && writers[0].Node == candidate && !w.answersAnywhere(old):
		return old, candidate, stageAfter
	case len(writers) == 0 && r.State.Gone() && r.State != Standby && !w.answersAnywhere(old):
		return old, candidate, stageStopped
	}
	return old, candidate, stageUnclear
}

// mostAdvanced is the standby that misses least.
func (w switching) mostAdvanced(old string) string {
	var fit []Reading
	for _, r := range w.in(Standby) {
		if n, _ := w.Cluster.node(r.Node); !n.NeverPromote && r.Node != old {
			fit = append(fit, r)
		}
	}
	if len(fit) == 0 {
		return ""
	}
	streams := func(r Reading) int {
		if r.Receiver.Status == "streaming" {
			return 1
		}
		return 0
	}
	// Positions of healthy standbys change from look to look, and the plan must not: only one that does not stream is
	// passed over, and the order of the configuration decides.
	slices.SortStableFunc(fit, func(a, b Reading) int { return cmp.Compare(streams(b), streams(a)) })
	return fit[0].Node
}

// workOf asks a primary what is open on it. Needed right: pg_monitor.
func (c Cluster) workOf(ctx context.Context, node string, limit time.Duration) (openWork, error) {
	n, _ := c.node(node)
	ctx, cancel := context.WithTimeout(ctx, budget(ctx, c.ReadTimeout))
	defer cancel()
	conn, err := n.connect(ctx, "")
	if err != nil {
		return openWork{}, err
	}
	defer discard(conn)
	var work openWork
	var oldest float64
	var stats bool
	err = conn.QueryRow(ctx, `SELECT `+statsSQL+`, (SELECT count(*) FROM pg_prepared_xacts)::int,
		count(*) FILTER (WHERE clock_timestamp() - xact_start > $1::float8 * interval '1 second')::int,
		coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8
		FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND xact_start IS NOT NULL`,
		limit.Seconds()).Scan(&stats, &work.Prepared, &work.Sessions, &oldest)
	if err == nil && !stats {
		return openWork{}, errBlind
	}
	work.Oldest = time.Duration(oldest * float64(time.Second))
	return work, scrubbed(err, nil)
}
