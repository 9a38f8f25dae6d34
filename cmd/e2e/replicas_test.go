package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestReplicas: three processes on one PostgreSQL follow, say, wake up and carry out everything once, whoever lives.
func TestReplicas(t *testing.T) {
	t.Parallel()
	t.Run("all_alive", func(t *testing.T) {
		t.Parallel()
		c := openCrew(t, 3, "{lease: 1m, heartbeat: 500ms, sweep: 200ms, check_timeout: 30s}") // who is kept from the processor for seconds lives
		for _, r := range c.all {
			r.begin()
		}
		c.begin()
		for _, r := range c.all {
			r.ready()
		}
		<-time.After(soakFor(4*time.Second, time.Minute))
		c.end()
		c.aftermath()
		if owners := c.column(`SELECT DISTINCT owner FROM runs WHERE owner <> ''`); len(owners) != 0 {
			t.Errorf("runs are at their end and still owned: %q", owners)
		}
		if n := c.column(`SELECT count(*)::text FROM log WHERE type = 'run.taken'`); n[0] != "0" {
			t.Errorf("%s runs were taken from replicas that live", n)
		}
	})
	t.Run("restarted_one_after_the_other", func(t *testing.T) {
		t.Parallel()
		c := openCrew(t, 3, fast)
		for _, r := range c.all {
			r.begin()
		}
		c.begin()
		for range soak(2, 20) {
			for _, r := range c.all {
				r.ready()
				r.ends()
				r.begin()
			}
		}
		c.end()
		c.aftermath()
	})
	t.Run("killed_at_any_moment", func(t *testing.T) {
		t.Parallel()
		c := openCrew(t, 3, fast)
		for _, r := range c.all {
			r.begin()
		}
		c.begin()
		for range soak(20, 400) {
			<-time.After(50*time.Millisecond + rand.N(200*time.Millisecond))
			r := c.all[rand.IntN(len(c.all))]
			r.kill()
			r.begin()
		}
		c.end()
		c.aftermath()
	})
	t.Run("without_notices", func(t *testing.T) {
		t.Parallel()
		c := openCrew(t, 3, fast)
		for _, r := range c.all {
			r.begin()
		}
		c.begin()
		for _, r := range c.all {
			r.ready()
		}
		deaf, listeners, limit := time.Now().Add(soakFor(4*time.Second, time.Minute)), 0, time.Now().Add(patience)
		for now := time.Now(); now.Before(deaf) || listeners < 3 && now.Before(limit); now = time.Now() {
			listeners += len(c.column(`SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`))
			<-time.After(100 * time.Millisecond)
		}
		c.end()
		c.aftermath()
		if listeners < 3 {
			t.Errorf("%d listeners were ended, want some", listeners)
		}
	})
}

func soakFor(usual, release time.Duration) time.Duration {
	return time.Duration(soak(int(usual), int(release)))
}

// frozen are the places at which a replica stands still, as when its machine is moved, and wakes up when another one
// has long done its work.
var frozen = []string{
	"step.before-apply exec.run", "exec.started", "step.after-apply exec.run", "step.before-outcome exec.run",
	"commit.before EndStep", "commit.after EndStep", "commit.before StartRun", "recheck.after", "run.claimed", "heartbeat.before",
	"commit.before slack", "delivery.claimed slack", "delivery.sending slack", "slack.before-post line", "slack.before-post card",
	"slack.after-post line", "delivery.sent pagerduty", "commit.before CastVote", "commit.before ReceiveAlerts", "plan.checked",
}

// owning are the places at which the replica that stands still is at work on a run, so that another one must take it over.
var owning = []string{"step.before-apply exec.run", "exec.started", "step.after-apply exec.run", "step.before-outcome exec.run", "commit.before EndStep"}

// takenFrom waits until no run is owned any more by a replica that stands still, holds that to the promised time, and
// returns how many there were. None: it had none, or others were quicker than this look.
func (c *crew) takenFrom(r *replica, stood time.Time) int {
	c.t.Helper()
	owned := fmt.Sprintf(`SELECT id FROM runs WHERE state IN ('queued', 'running') AND owner LIKE '%%/%d'`, r.cmd.Process.Pid)
	runs := c.column(owned)
	c.await("others have what "+r.name+" had", func() error {
		if left := c.column(owned); len(left) > 0 {
			return fmt.Errorf("%s still has %q", r.name, left)
		}
		return nil
	})
	took := time.Since(stood)
	if took > takeoverWithin {
		c.t.Errorf("%q of a replica that stood still were taken over after %s, limit %s", runs, took, takeoverWithin)
	}
	c.t.Logf("%d runs taken over from a replica that stood still, after %s", len(runs), took.Round(time.Millisecond))
	return len(runs)
}

// taken is how many runs were taken over since then, by the record.
func (c *crew) taken(since time.Time) int {
	c.t.Helper()
	return len(c.column(fmt.Sprintf(`SELECT event_id FROM log WHERE type = 'run.taken' AND at >= %d`, since.UnixMicro())))
}

// takeoverWithin is the promise: within it another replica has what a dead or frozen one had, with the usual timings.
const takeoverWithin = 20 * time.Second

// aPause is how long a machine may stand still that is moved, or that swaps.
const aPause = 30 * time.Second

// TestFrozenReplica stops the replica that is at work, lets another one take over, and wakes it up again: it changes
// nothing any more, neither in the world nor in the store.
func TestFrozenReplica(t *testing.T) {
	t.Parallel()
	const together = 5
	for first := 0; first < soak(len(frozen), 10*len(frozen)); first += together {
		t.Run(fmt.Sprintf("lease_of_300_ms_%d", first+1), func(t *testing.T) {
			t.Parallel()
			c := openCrew(t, 2, fast)
			c.begin()
			c.all[0].begin()
			for i := range together {
				place := frozen[(first+i)%len(frozen)]
				began := time.Now()
				c.all[1].begin("POINTSMAN_FAILPOINT=" + place + " =stop")
				if strings.Contains(place, "pagerduty") { // it must come to a page: a third one dies in a step, now and then
					c.all[0].kill()
					c.all[0].begin("POINTSMAN_FAILPOINT=exec.started")
					c.all[0].died()
				}
				c.all[1].stands()
				stood := time.Now()
				if strings.Contains(place, "pagerduty") {
					c.all[0].begin()
				}
				n := c.takenFrom(c.all[1], stood)
				<-time.After(soakFor(2500*time.Millisecond, aPause) - time.Since(stood)) // eight leases, and longer than any step may take
				if n == 0 && slices.Contains(owning, place) && c.taken(began) == 0 {     // only now: it is claimed before it is on record
					t.Errorf("nobody took the run of the replica that stood still at %s", place)
				}
				c.all[1].wakes()
				<-time.After(300 * time.Millisecond)
				c.all[1].kill()
			}
			c.all[0].ready()
			c.end()
			c.aftermath()
		})
	}
	t.Run("usual_lease", func(t *testing.T) {
		t.Parallel()
		c := openCrew(t, 2, "{lease: 6s, heartbeat: 2s, sweep: 1s, check_timeout: 3s}")
		c.all[0].begin()
		c.all[1].begin("POINTSMAN_FAILPOINT=step.before-apply exec.run =stop")
		c.begin()
		c.all[1].stands()
		stood := time.Now()
		c.takenFrom(c.all[1], stood)
		<-time.After(aPause - time.Since(stood))
		if c.taken(stood) == 0 {
			t.Error("nobody took the run of the replica that stood still")
		}
		c.all[1].wakes()
		c.end()
		c.aftermath()
	})
}

// TestTakeover measures how long a run stands still when its replica dies, with the usual timings.
func TestTakeover(t *testing.T) {
	t.Parallel()
	took := takeovers(t, soak(1, 30))
	slices.Sort(took)
	t.Logf("takeover after the death of a replica: p50 %s, max %s of %d", took[len(took)/2], took[len(took)-1], len(took))
	if worst := took[len(took)-1]; worst > takeoverWithin {
		t.Errorf("a takeover took %s, limit %s", worst, takeoverWithin)
	}
}

// takeovers kills n replicas in the middle of a step and returns how long it took until another one had the run.
func takeovers(t testing.TB, n int) []time.Duration {
	t.Helper()
	c := openCrew(t, 2, "{lease: 6s, heartbeat: 2s, sweep: 1s, check_timeout: 3s}")
	c.begin()
	c.all[0].begin()
	c.all[1].begin()
	var took []time.Duration
	for i := range n {
		dies := c.all[i%2]
		c.all[(i+1)%2].ready()
		dies.kill()
		dies.begin("POINTSMAN_FAILPOINT=exec.started")
		owner := fmt.Sprintf("/%d", dies.cmd.Process.Pid)
		died := dies.died()
		for _, run := range c.column(`SELECT id FROM runs WHERE state = 'running' AND owner LIKE '%` + owner + `'`) {
			c.await(run+" is taken over", func() error {
				if n := c.column(`SELECT id FROM runs WHERE id = '` + run + `' AND owner LIKE '%` + owner + `'`); len(n) > 0 {
					return fmt.Errorf("%s is not", run)
				}
				return nil
			})
			took = append(took, time.Since(died))
		}
		dies.begin()
	}
	c.end()
	c.aftermath()
	return took
}
