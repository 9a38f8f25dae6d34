package postgres

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pointsman/pointsman"
)

// waits is G29: a new primary whose commits wait for standbys that are not there takes no writes at all, and no guard
// afterwards brings them back. left are the standbys that may still come to follow it; only those count that go by a name
// which the setting has.
func (s Situation) waits(candidate Reading, old string, left []Reading) pointsman.Fact {
	k, node := candidate.Keeping, candidate.Node
	f := pointsman.Fact{
		Guard: "G29", Kind: pointsman.Hard, Name: "synchronous standbys of " + node, Value: k.SyncNames, Limit: "none, or as many as are left",
		Source: node + ": synchronous_standby_names", At: candidate.At, Result: pointsman.Pass,
	}
	if candidate.State != Standby && candidate.State != Writable {
		f.Result, f.Value, f.Clears = pointsman.Unknown, "unknown", "make "+node+" answer"
		f.Text = fmt.Sprintf("for whom commits on %s would wait cannot be told", node)
		return f
	}
	if k.SyncNames == "" {
		f.Value = "none"
	}
	if !k.waits() {
		return f
	}
	clears := fmt.Sprintf("on %s, ALTER SYSTEM SET synchronous_standby_names = '' and SELECT pg_reload_conf(); set it again after the rejoin", node)
	wanted, err := parseSyncNames(k.SyncNames)
	if err != nil {
		f.Result, f.Clears = pointsman.Unknown, clears
		f.Text = fmt.Sprintf("for whom commits on %s would wait cannot be told: synchronous_standby_names is not understood: %v", node, err)
		return f
	}
	have := len(s.among(wanted, left))
	if have >= wanted.need {
		return f
	}
	f.Result, f.Clears = pointsman.Fail, clears
	f.Text = fmt.Sprintf("commits on %s would wait for %s, and %s: it would take no writes", node, wanted, s.leftOf(left, have))
	// Afterwards the old primary is a standby that goes by its node's name; see the hook's step start.
	if have+1 == wanted.need && (wanted.has(old) || wanted.has(s.expectedName(old))) {
		f.Text += " until " + old + " is back"
	}
	return f
}

// waitsAfterLoss is the same of a failover: the standbys that are left follow nobody until they are led to the new primary.
func (s Situation) waitsAfterLoss(candidate Reading, old string) pointsman.Fact {
	left := s.beside(old, candidate.Node)
	f := s.waits(candidate, old, left)
	if f.Result != pointsman.Pass || !candidate.Keeping.waits() {
		return f
	}
	wanted, err := parseSyncNames(candidate.Keeping.SyncNames)
	if err != nil {
		return f
	}
	have := nodesOf(s.among(wanted, left))
	names, verb := strings.Join(have, ", "), "follow"
	who := names
	if len(have) > wanted.need {
		who = fmt.Sprintf("%d of %s", wanted.need, names)
	}
	if wanted.need == 1 {
		verb = "follows"
	}
	f.Kind, f.Result = pointsman.Warn, pointsman.Fail
	f.Text = fmt.Sprintf("commits on %s will wait for %s until %s %s it", candidate.Node, wanted, who, verb)
	f.Clears = fmt.Sprintf("lead %s to it at once, or set synchronous_standby_names = '' on %s", names, candidate.Node)
	return f
}

// among lists the standbys that the setting would count.
func (s Situation) among(wanted syncSetting, left []Reading) []Reading {
	var out []Reading
	for _, r := range left {
		counts := wanted.has(r.FollowsAs)
		if r.FollowsAs == "" { // it may not be read: by its cluster_name, or as we call it
			counts = wanted.has(r.Node) || wanted.has(s.expectedName(r.Node))
		}
		if counts {
			out = append(out, r)
		}
	}
	return out
}

// leftOf says who is left, and how many of them count.
func (s Situation) leftOf(left []Reading, have int) string {
	if len(left) == 0 {
		return "no other standby is left"
	}
	names := nodesOf(left)
	for i, r := range left {
		if r.FollowsAs != "" && r.FollowsAs != r.Node {
			names[i] += " (application_name " + strconv.Quote(r.FollowsAs) + ")"
		}
	}
	return fmt.Sprintf("left are %s, of which %d count", strings.Join(names, ", "), have)
}

func nodesOf(readings []Reading) []string {
	out := make([]string, len(readings))
	for i, r := range readings {
		out[i] = r.Node
	}
	return out
}

// waits reports whether a commit waits for a synchronous standby, unless its session says otherwise. What it costs where it
// does not is said by durability.
func (k Keeping) waits() bool {
	return k.SyncNames != "" && k.Commit != "off" && k.Commit != "local"
}
