package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pointsman/pointsman"
)

// DivergedBytes names the accepted figure of a rewind: the WAL that only the old primary has.
const DivergedBytes = "diverged_bytes"

// RejoinNode names the pin that holds the node which the check chose.
const RejoinNode = "rejoin_node"

// rejoining is everything that a rejoin is judged by.
type rejoining struct {
	Situation
	node      string
	found     Inspection
	fault     error // why the hook found nothing
	followers []follower
	moves     bool              // an earlier step of the plan is the switchover
	promotes  bool              // an earlier step of the plan promotes
	accepted  []pointsman.Bound // by an approval; nothing while proposing
	applying  bool
	stepN     int
}

// primary is the one node that takes writes.
func (j rejoining) primary() Reading {
	if writers := j.in(Writable); len(writers) == 1 && writers[0].Node != j.node {
		return writers[0]
	}
	return Reading{}
}

// choose takes the first node that does not follow the primary; a standby that lost its way before one that is stopped,
// for it costs the least. None when all follow.
func (j rejoining) choose() string {
	chosen, standby := "", false
	for _, r := range j.Readings {
		primary := j.primary()
		switch {
		case primary.Node == "" || r.Node == primary.Node:
		case r.State == Standby && r.Receiver.Status == "streaming" && r.Timeline == primary.Timeline:
		case chosen == "", r.State == Standby && !standby:
			chosen, standby = r.Node, r.State == Standby
		}
	}
	return chosen
}

// nobody: all follow, or there is nobody to follow.
func (j rejoining) nobody() pointsman.Evidence {
	ev := pointsman.Evidence{Facts: []pointsman.Fact{j.writers(), j.identity(), j.livingPrimary()}}
	if primary := j.primary(); primary.Node != "" {
		ev.Already, ev.AlreadyBy = true, fmt.Sprintf("itself: every node streams from %s", primary.Node)
		others := slices.DeleteFunc(j.Cluster.nodeNames(), func(n string) bool { return n == primary.Node })
		ev.Pins = map[string]string{RejoinNode: others[0]} // so that a plan can be shown that says so
	}
	return ev
}

// judge is pure. Nothing is done to a node that may be serving, or that is another cluster's; and what only that node
// has is said with its figure.
func (j rejoining) judge() pointsman.Evidence {
	facts := []pointsman.Fact{j.writers(), j.identity(), j.livingPrimary(), j.ownRun(), j.configured()}
	if j.moves && !j.applying && j.reading(j.node).State == Writable {
		f := j.serving()
		f.Result, f.Value, f.BeforeN = pointsman.Later, "primary until the switchover", j.stepN
		f.Text = fmt.Sprintf("that %s is stopped will be checked before step %d", j.node, j.stepN)
		return pointsman.Evidence{Facts: append(facts, f)}
	}
	facts = append(facts, j.serving())
	primary := j.primary()
	if primary.Node == "" {
		return pointsman.Evidence{Facts: facts}
	}
	ev := pointsman.Evidence{Facts: facts}
	if j.follows() {
		ev.Already, ev.AlreadyBy = true, fmt.Sprintf("itself: %s streams from %s on timeline %d", j.node, primary.Node, primary.Timeline)
		ev.Facts = slices.DeleteFunc(ev.Facts, func(f pointsman.Fact) bool { return f.Name == "node to rejoin" || f.Name == "node hook" })
		return ev
	}
	if len(j.Cluster.NodeHook.Command) == 0 {
		return ev
	}
	ev.Facts = append(ev.Facts, j.data())
	if j.fault == nil && j.found.Busy != "" {
		return ev // what is reckoned of it now is nobody's figure
	}
	ev.Facts = append(ev.Facts, j.divergence())
	if j.fault == nil && j.found.diverged() > 0 {
		n := j.found.diverged()
		ev.Bounds = []pointsman.Bound{rewound(n)}
		ev.Facts = append(ev.Facts, j.rewindable())
	}
	return ev
}

// follows: the node streams from the primary, by its own word and by the primary's.
func (j rejoining) follows() bool {
	r, primary := j.reading(j.node), j.primary()
	return r.State == Standby && primary.Node != "" && r.Timeline == primary.Timeline && r.Receiver.Status == "streaming" &&
		slices.ContainsFunc(j.followers, func(f follower) bool { return f.State == "streaming" && j.is(f, j.node) })
}

// serving is G14: a node that serves is never stopped, rewound or started again.
func (j rejoining) serving() pointsman.Fact {
	r, views := j.reading(j.node), j.sightings(j.node)
	f := pointsman.Fact{
		Guard: "G14", Kind: pointsman.Hard, Name: "node to rejoin", Value: told(views), Limit: "stopped, or a standby that nobody follows",
		Source: j.node, At: r.At, Result: pointsman.Fail,
	}
	for _, v := range views {
		switch {
		case v.State == Writable:
			f.Text = fmt.Sprintf("%s takes writes as seen from %s: it is a primary and is left alone", j.node, v.From)
			f.Clears = "name a node that is stopped; after a split brain, fence the wrong primary first"
			return f
		case v.State.Answers(), v.State == Fenced:
			f.Text = fmt.Sprintf("%s %s as seen from %s%s: it may be a primary", j.node, v.State.Words(), v.From, detail(v.Detail))
			f.Clears = "stop " + j.node + " with postgres.fence or by hand"
			return f
		}
	}
	switch {
	case r.State == Standby && !r.Stats:
		f.Result, f.Clears = pointsman.Unknown, noStats
		f.Text = fmt.Sprintf("whom %s follows and who follows it cannot be told: Pointsman's role there may not read other roles' statistics", j.node)
	case r.Followers > 0:
		f.Text = fmt.Sprintf("%s has %s, limit 0: standbys follow it", j.node, pointsman.Count(r.Followers, "walsender"))
		f.Clears = "let its standbys follow another node first"
	case r.State == Standby, r.State == Refused, j.fault == nil && !j.found.Running && r.State.Gone():
		f.Result = pointsman.Pass
	default:
		f.Result = pointsman.Unknown
		f.Text = fmt.Sprintf("it cannot be told whether %s is stopped: it %s", j.node, told(views))
		f.Clears = "stop " + j.node + ", or let the node hook reach its machine"
	}
	return f
}

// ownRun is G16: the old primary is left alone in the run that promoted another one over its head.
func (j rejoining) ownRun() pointsman.Fact {
	f := pointsman.Fact{
		Guard: "G16", Kind: pointsman.Hard, Name: "run of its own", Value: "yes", Limit: "not the run of a failover",
		Source: "plan", At: j.At, Result: pointsman.Pass,
	}
	if j.promotes {
		f.Result, f.Value = pointsman.Fail, "after postgres.promote"
		f.Text = fmt.Sprintf("%s may hold the only copy of the last transactions: it is not touched in the run that promotes another node", j.node)
		f.Clears = "rejoin it in a run of its own"
	}
	return f
}

func (j rejoining) configured() pointsman.Fact {
	f := pointsman.Fact{Guard: "G14", Kind: pointsman.Hard, Name: "node hook", Value: "configured", Source: "configuration", At: j.At, Result: pointsman.Pass}
	if len(j.Cluster.NodeHook.Command) == 0 {
		f.Result, f.Value, f.Clears = pointsman.Fail, "none", "configure node_hook for "+j.Cluster.Name
		f.Text = "no node_hook is configured, so nothing can be done on the machine of " + j.node
	}
	return f
}

// data says whether the data folder is this cluster's and can be used.
func (j rejoining) data() pointsman.Fact {
	primary := j.primary()
	f := pointsman.Fact{
		Guard: "G3", Kind: pointsman.Hard, Name: "data of " + j.node, Limit: "system identifier " + primary.SystemID,
		Source: j.node + ": node hook", At: j.At, Result: pointsman.Fail,
	}
	if j.fault != nil {
		f.Result, f.Value, f.Text = pointsman.Unknown, "unknown", fmt.Sprintf("the data of %s could not be inspected: %v", j.node, j.fault)
		f.Clears = "make the node hook's step inspect work"
		return f
	}
	if old, ok := j.found.keeps(f, j.node); !ok {
		return old
	}
	f.Value = fmt.Sprintf("system identifier %s, %s, timeline %d", j.found.SystemID, j.found.State, j.found.Timeline)
	f.Clears = "build " + j.node + " anew with pg_basebackup"
	switch {
	case j.found.SystemID != primary.SystemID:
		f.Text = fmt.Sprintf("the data of %s has the system identifier %s, %s has %s: they are different clusters", j.node, j.found.SystemID, primary.Node, primary.SystemID)
		f.Clears = "correct the node hook: it reached another server's data"
	case j.found.Busy != "":
		f.Result, f.Value = pointsman.Unknown, "under way"
		f.Text = fmt.Sprintf("the data of %s is being changed: %s", j.node, j.found.Busy)
		f.Clears = "wait until it has ended, and refresh the checks; build nothing anew meanwhile. Its log grows only while it copies, not while it reads WAL, nor " +
			"at its end, syncing target data directory. Where its source is gone for good, end that pg_rewind on the machine of " + j.node +
			": then it must be built anew with pg_basebackup"
	case j.found.Broken != "":
		f.Text = fmt.Sprintf("the data of %s cannot be used: %s", j.node, j.found.Broken)
		f.Clears = "see that no pg_rewind is at work on its machine, and " + f.Clears
	case j.found.Running && j.reading(j.node).State != Standby:
		f.Text = fmt.Sprintf("the server of %s runs by its machine's word, and it %s", j.node, told(j.sightings(j.node)))
		f.Clears = "stop " + j.node + " with postgres.fence or by hand"
	case j.found.Timeline > primary.Timeline:
		f.Text = fmt.Sprintf("%s is on timeline %d, %s on %d: the node is newer than the primary", j.node, j.found.Timeline, primary.Node, primary.Timeline)
		f.Clears = "decide by hand which of the two is right"
	case j.found.Timeline == primary.Timeline && !j.found.recovering():
		// Two servers that were promoted from one timeline give their new ones the same number; pg_rewind sees nothing.
		f.Text = fmt.Sprintf("%s was a primary on timeline %d itself, the one of %s: they cannot be told apart, and no rewind would find the difference", j.node, j.found.Timeline, primary.Node)
	case j.found.Timeline > 1 && j.found.History == "other":
		f.Text = fmt.Sprintf("%s came to timeline %d otherwise than %s: two servers were promoted to that number, and it has the WAL of the other one", j.node, j.found.Timeline, primary.Node)
	case j.found.Timeline > 1 && j.found.History != "same":
		f.Result = pointsman.Unknown
		f.Text = fmt.Sprintf("whether timeline %d of %s is that of %s cannot be told: its history is not there, or the node hook does not say it", j.found.Timeline, j.node, primary.Node)
		f.Clears = "copy the newest postgres-node.sh to " + j.node + ", or build it anew with pg_basebackup"
	default:
		f.Result, f.Clears = pointsman.Pass, ""
	}
	return f
}

// divergence is G28.
func (j rejoining) divergence() pointsman.Fact {
	primary := j.primary()
	f := pointsman.Fact{
		Guard: "G28", Kind: pointsman.Hard, Name: "WAL after the fork", Limit: "0 B", Source: j.node + ": node hook", At: j.At, Result: pointsman.Pass,
	}
	in := j.found
	switch {
	case j.fault != nil || in.Timeline < primary.Timeline && (in.Fork == 0 || in.Last == 0):
		f.Result, f.Value = pointsman.Unknown, "unknown"
		f.Text = fmt.Sprintf("it cannot be told whether %s has WAL that %s never had: the fork or the end of its WAL is not known", j.node, primary.Node)
		f.Clears = "make the node hook's step inspect work, or build " + j.node + " anew with pg_basebackup"
		return f
	case in.Timeline >= primary.Timeline:
		return good(f, "none: on the primary's timeline")
	case in.diverged() == 0:
		return good(f, fmt.Sprintf("0 B, the fork is at %s", in.Fork))
	}
	n := in.diverged()
	size := float64(n)
	f.Kind, f.Result, f.Measure = pointsman.Ack, pointsman.Fail, &size
	f.Value = fmt.Sprintf("%s, %s to %s, %s", pointsman.Bytes(n), in.Fork, in.Last, commits(in.Commits, in.Counted, "commit"))
	f.Text = fmt.Sprintf("%s wrote %s that %s never had: %s, WAL %s to %s of timeline %d; pg_rewind takes them out of the data, the WAL is kept in %s",
		j.node, commits(in.Commits, in.Counted, "committed transaction"), primary.Node, pointsman.Bytes(n), in.Fork, in.Last, in.Timeline, keepName(j.node, in))
	f.Clears = "accept it, and look into the kept WAL afterwards"
	switch bound, ok := (pointsman.Plan{Bounds: j.accepted}).Bound(DivergedBytes); {
	case j.moves:
		f.Kind = pointsman.Hard // after a planned switchover there is nothing to lose, so something is wrong
		f.Clears = "rejoin it in a run of its own"
	case j.applying && (!ok || size > bound.Max):
		f.Kind, f.Excess = pointsman.Hard, pointsman.Exceeds(rewound(n), bound.Text)
		f.Clears = "approve the rewind with this figure"
	}
	return f
}

// rewound is the figure that an approval of a rewind accepts.
func rewound(n int64) pointsman.Bound {
	return pointsman.Bound{Name: DivergedBytes, Max: float64(n), Text: "rewound <= " + pointsman.Bytes(n)}
}

func (j rejoining) rewindable() pointsman.Fact {
	f := pointsman.Fact{
		Guard: "G11", Kind: pointsman.Hard, Name: "rewind of " + j.node, Value: "possible", Limit: "data checksums or wal_log_hints",
		Source: j.node + ": node hook", At: j.At, Result: pointsman.Pass,
	}
	if !j.found.Rewindable {
		f.Result, f.Value = pointsman.Fail, "impossible"
		f.Text = fmt.Sprintf("%s has neither data checksums nor wal_log_hints, so pg_rewind cannot find what changed", j.node)
		f.Clears = "build " + j.node + " anew with pg_basebackup"
	}
	return f
}

// keepName names the folder of the kept WAL. The same divergence has the same folder, also at a second attempt.
func keepName(node string, in Inspection) string {
	return fmt.Sprintf("%s-timeline-%d-%s", node, in.Timeline, strings.ReplaceAll(in.Fork.String(), "/", "-"))
}
