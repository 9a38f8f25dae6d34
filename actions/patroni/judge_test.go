package patroni_test

import (
	"testing"

	"github.com/pointsman/pointsman"
)

// TestJudge: every case is a healthy cluster with one thing wrong. The refusal is said before the request and, by Apply,
// once more right before it; nothing is ever asked of Patroni.
func TestJudge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wrong func(f *fake)
		want  string // "switchover" by default
		says  string
	}{
		"another_scope":                     {wrong: func(f *fake) { f.members[1].scope = "ledger" }, says: `pg-2 belongs to the scope "ledger", configured is "orders"`},
		"another_database":                  {wrong: func(f *fake) { f.members[2].id = "7300000000000000002" }, says: "the members are of different databases: pg-1 " + systemID},
		"quorum":                            {wrong: func(f *fake) { f.members[1].silent, f.members[2].silent = true, true }, says: "1 of 3 members tell who leads, wanted are at least 2"},
		"two_primaries":                     {wrong: func(f *fake) { f.members[2].writes = true }, says: "pg-1 and pg-3 say that they are primary: that is a split brain"},
		"members_disagree":                  {wrong: disagree, says: "the members do not agree who leads"},
		"primary_without_key":               {wrong: func(f *fake) { f.members[0].role = "replica" }, says: "pg-1 says that it is primary, but nobody holds the leader's key"},
		"leader_is_silent":                  {wrong: func(f *fake) { f.members[0].silent = true }, says: "pg-1 holds the leader's key and does not serve as primary"},
		"standby_cluster":                   {wrong: func(f *fake) { f.members[0].role, f.members[0].writes = "standby_leader", false }, says: "pg-1 leads a standby cluster"},
		"unknown_lag":                       {wrong: everyReplica(func(m *fakeMember) { m.lag = "unknown" }), says: "the lag of pg-2 is unknown"},
		"too_far_behind":                    {wrong: everyReplica(func(m *fakeMember) { m.lag = 2 << 20 }), says: "pg-2 is 2,097,152 B behind, limit 1,048,576 B"},
		"older_timeline":                    {wrong: everyReplica(func(m *fakeMember) { m.timeline = 2 }), says: "pg-2 is on timeline 2, the cluster on 3"},
		"nofailover":                        {wrong: everyReplica(func(m *fakeMember) { m.tags = map[string]any{"nofailover": "true"} }), says: "pg-3 has the tag nofailover"},
		"replica_does_not_run":              {wrong: everyReplica(func(m *fakeMember) { m.state = "starting" }), says: "pg-2 does not run"},
		"not_synchronous":                   {wrong: func(f *fake) { f.sync = true }, says: "pg-2 is not synchronous, and the cluster is in synchronous mode"},
		"scheduled":                         {wrong: func(f *fake) { f.scheduled = true }, says: "a switchover is scheduled, to pg-3 at 2026-11-22T03:00:00+00:00"},
		"paused":                            {wrong: func(f *fake) { f.paused = true }, says: "orders is paused"},
		"nobody_hands_over":                 {wrong: (*fake).vacant, says: "nobody leads, so nobody can hand over"},
		"failover_with_a_leader":            {wrong: func(f *fake) { f.members[0].silent = true }, want: "failover", says: "pg-1 holds the leader's key, and it does not answer"},
		"failover_while_a_replica_receives": {want: "failover", wrong: func(f *fake) { f.vacant(); f.members[2].state = "streaming" }, says: "pg-3 still receives from a server, though nobody leads"},
		// Patroni makes none of these checks for a failover by hand.
		"failover_to_one_far_behind":           {want: "failover", wrong: func(f *fake) { f.vacant(); everyReplica(func(m *fakeMember) { m.lag = 2 << 20 })(f) }, says: "pg-2 is 2,097,152 B behind"},
		"failover_to_an_older_timeline":        {want: "failover", wrong: func(f *fake) { f.vacant(); everyReplica(func(m *fakeMember) { m.timeline = 2 })(f) }, says: "pg-2 is on timeline 2, the cluster on 3"},
		"failover_to_one_that_is_asynchronous": {want: "failover", wrong: func(f *fake) { f.vacant(); f.sync = true }, says: "pg-3 is not synchronous"},
		"failover_by_an_older_plan":            {want: "failover", wrong: func(f *fake) { f.lead("pg-1"); f.vacant() }, says: "the cluster is on timeline 4, the plan was made on 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			c.wrong(f)
			clusters := f.clusters()
			w := &world{clusters: clusters}
			in, kind := switchover(pins()), "patroni.switchover"
			if c.want == "" {
				c.want = "switchover"
			} else {
				in, kind = failover(pins()), "patroni.failover"
			}
			found := pins()
			delete(found, pointsman.PinTo) // so that the choice is the judge's
			mustRefuse(t, w.status(t, c.want, found).Facts, c.says)
			if name != "nofailover" && name != "failover_to_one_that_is_asynchronous" { // there the sentence is about the others
				applyRefuses(t, kindOf(t, clusters, kind), in, c.says)
			} else {
				applyRefuses(t, kindOf(t, clusters, kind), in, "pg-2 ")
			}
			if asked := f.requests(); asked != "" {
				t.Errorf("asked of Patroni was %s", asked)
			}
		})
	}
}

// pins of a plan that was made for the healthy cluster.
func pins() map[string]string {
	return map[string]string{pointsman.PinFrom: "pg-1", pointsman.PinTo: "pg-2", "timeline": "3", "system_id": systemID}
}

func everyReplica(change func(*fakeMember)) func(*fake) {
	return func(f *fake) {
		for _, m := range f.members[1:] {
			change(m)
		}
	}
}

// disagree: pg-3 sees another picture, in which pg-2 leads.
func disagree(f *fake) {
	other := &fake{timeline: 3}
	for _, m := range f.members {
		seen := &fakeMember{name: m.name, role: "replica", state: "running", timeline: 3, lag: 0}
		other.members = append(other.members, seen)
	}
	other.members[1].role = "leader"
	f.members[2].view = other
}

// TestChoice: who is chosen, and what is only told.
func TestChoice(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(f *fake)
		want   string
		chosen string
	}{
		"first_configured":                {chosen: "pg-2"},
		"synchronous_one_first":           {change: func(f *fake) { f.members[2].role = "sync_standby" }, chosen: "pg-3"},
		"only_synchronous_in_that_mode":   {change: func(f *fake) { f.sync = true; f.members[2].role = "sync_standby" }, want: "failover", chosen: "pg-3"},
		"never_promoted_is_timeline_1":    {change: func(f *fake) { f.history, f.timeline = [][]any{}, 1; f.onTimeline(1) }, want: "failover", chosen: "pg-2"},
		"paused_is_a_warning_of_failover": {change: func(f *fake) { f.paused = true }, want: "failover", chosen: "pg-2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			if c.change != nil {
				c.change(f)
			}
			if c.want == "failover" {
				f.vacant()
			} else {
				c.want = "switchover"
			}
			w := &world{clusters: f.clusters()}
			ev := w.status(t, c.want, nil)
			mustStand(t, ev)
			if ev.Pins[pointsman.PinTo] != c.chosen {
				t.Errorf("chosen is %s, want %s", ev.Pins[pointsman.PinTo], c.chosen)
			}
		})
	}
}

func (f *fake) onTimeline(n int) {
	for _, m := range f.members {
		m.timeline = n
	}
}
