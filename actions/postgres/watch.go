package postgres

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres/probe"
)

// Desk takes what the watch saw.
type Desk interface {
	Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error)
}

// Watch looks at every cluster whether two nodes take writes, and after a promotion whether a standby follows. A run
// checks that too, but an old primary comes back when the run is long over. Run it for the life of the process; several
// processes may, the desk tells whoever comes second that it is known.
type Watch struct {
	Clusters *Clusters
	Desk     Desk
	// Offer resolves a runbook for a cluster, with whom to page; an empty offer where there is no such runbook.
	Offer func(runbook, cluster string) (pointsman.Offer, pointsman.Escalation)
}

// SplitBrainRunbook is what an alarm offers.
const SplitBrainRunbook = "postgres-split-brain"

const (
	// attentive is how long after a change of primary the watch looks as often as the sampler does.
	attentive = 15 * time.Minute
	// grace is how long a standby may take to follow a new primary before it is told that none does.
	grace = 10 * time.Second
)

// Run watches until the context ends.
func (w Watch) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, name := range w.Clusters.names {
		wg.Go(func() {
			v := vigil{w: w, cluster: w.Clusters.byName[name]}
			timer := time.NewTimer(v.cluster.SampleEvery)
			defer timer.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-timer.C:
				}
				timer.Reset(v.look(ctx))
			}
		})
	}
	wg.Wait()
	return nil
}

// vigil is what the watch over one cluster remembers from look to look.
type vigil struct {
	w       Watch
	cluster Cluster
	seen    string           // two writers, seen once: a look is not of one moment, so it takes two
	since   time.Time        // the first of the looks, up to the last one, that all showed two writers
	last    pointsman.Report // the alarm of what is seen, once it is given; resolving its runbook at each look would be for nothing
	clear   bool             // the last look showed one primary and no second, and the desk knows
	alone   bool             // it was told that no standby follows
}

// look looks once and tells when the next look is due.
func (v *vigil) look(ctx context.Context) time.Duration {
	s, _ := v.w.Clusters.look(ctx, v.cluster)
	if ctx.Err() != nil {
		return v.cluster.WatchEvery
	}
	v.writers(ctx, s)
	v.standbys(ctx, s)
	if v.seen != "" || v.w.Clusters.Clock.Now().Sub(s.Sample.ChangedAt) < attentive {
		return v.cluster.SampleEvery
	}
	return v.cluster.WatchEvery
}

// writers gives the alarm, and ends it.
func (v *vigil) writers(ctx context.Context, s Situation) {
	if s.identity().Result == pointsman.Fail {
		v.since = time.Time{}
		return // somebody else's server under a wrong address is no second primary; checks and cards say so
	}
	if f := s.writers(); f.Result == pointsman.Fail {
		v.two(ctx, f.Text, s)
		return
	}
	v.seen, v.since = "", time.Time{}
	one := s.in(Writable)
	if len(one) != 1 || !s.othersStopped(one[0].Node) {
		v.clear = false // silence ends no alarm: the second primary must be seen to have stopped
		return
	}
	// Also where this vigil gave no alarm: the one that did may have ended with its process, and an alarm that nobody ends
	// keeps its incident open and makes the next one "known already". Where none stands the desk passes over it.
	if !v.clear {
		v.clear = v.say(ctx, v.report(pointsman.SeenOver, fmt.Sprintf("one node of %s takes writes again: %s on timeline %d", v.cluster.Name, one[0].Node, one[0].Timeline)))
	}
}

// two gives the alarm at the second look, and at each one after it: whoever closes the incident may be wrong. Other words are
// looked at twice as well, but end nothing: since when two nodes write is kept, so that a person's word on it holds.
func (v *vigil) two(ctx context.Context, text string, s Situation) {
	if v.since.IsZero() {
		v.since = v.w.Clusters.Clock.Now()
	}
	switch {
	case v.seen != text:
		v.last = pointsman.Report{}
	case v.last.Text == "":
		v.last = v.alarm(text)
		for _, w := range s.writing() {
			v.last.Nodes = append(v.last.Nodes, w.node)
		}
		fallthrough
	default:
		v.last.Since, v.last.Looked = v.since, s.Began
		v.say(ctx, v.last)
	}
	v.seen, v.clear = text, false
}

// othersStopped reports whether every other node is known to take no writes.
func (s Situation) othersStopped(primary string) bool {
	for _, r := range s.Readings {
		if r.Node != primary && !r.State.Stopped() && r.State != probe.Standby {
			return false
		}
	}
	return true
}

// standbys tells once that none follows the new primary, and once that one does again.
func (v *vigil) standbys(ctx context.Context, s Situation) {
	one := s.in(Writable)
	if len(one) != 1 || s.Sample.ChangedAt.IsZero() || !s.Sample.is(one[0]) || v.w.Clusters.Clock.Now().Sub(s.Sample.ChangedAt) < min(grace, 5*v.cluster.SampleEvery) {
		return
	}
	switch p := one[0]; {
	case !p.Stats: // none shows, which is not none
	case p.Followers == 0 && !v.alone:
		v.alone = v.say(ctx, v.report(pointsman.SeenNote, fmt.Sprintf("%s RUNS WITHOUT A STANDBY: if %s is lost too, there is nothing to fail over to%s", v.cluster.Name, p.Node, s.lagging(p.Node))))
	case p.Followers > 0 && v.alone:
		v.alone = !v.say(ctx, v.report(pointsman.SeenNote, fmt.Sprintf("%s has %s again, following %s", v.cluster.Name, pointsman.Count(p.Followers, "standby"), p.Node)))
	}
}

// lagging names the standbys that answer and do not follow.
func (s Situation) lagging(primary string) string {
	var out []string
	for _, f := range s.following(primary) {
		if f.Result == pointsman.Fail {
			out = append(out, strings.TrimPrefix(f.Name, "standby ")+" does not follow it")
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "; " + strings.Join(out, ", ")
}

func (v *vigil) report(what pointsman.Sighting, text string) pointsman.Report {
	target := pointsman.Target{Kind: "postgres", Name: v.cluster.Name, Environment: v.cluster.Environment}
	return pointsman.Report{Key: pointsman.Offer{Target: target}.Key(), Target: target, What: what, Text: text}
}

func (v *vigil) alarm(text string) pointsman.Report {
	r := v.report(pointsman.SeenAlarm, text)
	r.Title, r.Severity = "Two primaries in "+v.cluster.Name, "critical"
	if v.w.Offer != nil {
		r.Offer, r.Escalate = v.w.Offer(SplitBrainRunbook, v.cluster.Name)
	}
	if r.Offer.Runbook != "" {
		r.Text += "; see the runbook " + SplitBrainRunbook
	}
	return r
}

// say hands it to the desk and reports whether it was taken; what was not is said again at the next look.
func (v *vigil) say(ctx context.Context, r pointsman.Report) bool {
	res, err := v.w.Desk.Do(ctx, r)
	if err != nil {
		v.w.Clusters.log.Warn("what the watch saw could not be told", "cluster", v.cluster.Name, "err", err)
		return false
	}
	if r.What != pointsman.SeenNote && res.Answer.Code != pointsman.CodeAccepted {
		return true // an alarm that is known, or the end of none
	}
	v.w.Clusters.log.Info("the watch told", "cluster", v.cluster.Name, "text", r.Text, "answer", res.Answer.Code)
	return true
}
