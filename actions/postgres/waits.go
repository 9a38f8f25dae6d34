package postgres

import (
	"fmt"

	"github.com/pointsman/pointsman"
)

// waits is G29: a new primary whose commits wait for a standby that is not there takes no writes at all, and no guard
// afterwards brings them back. left are the standbys that may still come to follow it.
func (s Situation) waits(candidate Reading, old string, left int) pointsman.Fact {
	k, node := candidate.Keeping, candidate.Node
	f := pointsman.Fact{
		Guard: "G29", Kind: pointsman.Hard, Name: "synchronous standbys of " + node, Value: k.SyncNames, Limit: "none, or one that is left",
		Source: node + ": synchronous_standby_names", At: candidate.At, Result: pointsman.Pass,
	}
	switch {
	case candidate.State != Standby && candidate.State != Writable:
		f.Result, f.Value, f.Clears = pointsman.Unknown, "unknown", "make "+node+" answer"
		f.Text = fmt.Sprintf("for whom commits on %s would wait cannot be told", node)
	case k.SyncNames == "":
		f.Value = "none"
	case k.waits() && left == 0:
		f.Result = pointsman.Fail
		f.Text = fmt.Sprintf("commits on %s would wait for %q, and no other standby is left: it would take no writes until %s is back", node, k.SyncNames, old)
		f.Clears = fmt.Sprintf("on %s, ALTER SYSTEM SET synchronous_standby_names = '' and SELECT pg_reload_conf(); set it again after the rejoin", node)
	}
	return f
}

// waitsAfterLoss is the same of a failover: the standbys that are left follow nobody until they are led to the new primary.
func (s Situation) waitsAfterLoss(candidate Reading, old string) pointsman.Fact {
	f := s.waits(candidate, old, s.left(old, candidate.Node))
	if f.Result == pointsman.Pass && candidate.Keeping.waits() {
		f.Kind, f.Result = pointsman.Warn, pointsman.Fail
		f.Text = fmt.Sprintf("commits on %s will wait for %q until one of them follows it", candidate.Node, candidate.Keeping.SyncNames)
		f.Clears = "lead a standby to it at once, or set synchronous_standby_names = '' on " + candidate.Node
	}
	return f
}

// waits reports whether a commit waits for a synchronous standby, unless its session says otherwise. What it costs where it
// does not is said by durability.
func (k Keeping) waits() bool {
	return k.SyncNames != "" && k.Commit != "off" && k.Commit != "local"
}
