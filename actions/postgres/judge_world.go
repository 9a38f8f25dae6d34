package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pointsman/pointsman"
)

// writers is G27: two nodes that take writes are a split brain, and nothing that we could do makes it better.
func (s Situation) writers() pointsman.Fact {
	f := pointsman.Fact{Guard: "G27", Kind: pointsman.Hard, Name: "primaries", Limit: "1", Source: "all nodes", At: s.At, Result: pointsman.Pass}
	var list []string
	for _, w := range s.writing() {
		list = append(list, w.words)
	}
	f.Value = fmt.Sprint(len(list))
	if len(list) > 1 {
		f.Result = pointsman.Fail
		f.Text = fmt.Sprintf("split brain: %d nodes take writes, limit 1: %s", len(list), strings.Join(list, " and "))
		f.Clears = "stop writes on both, decide which one is right, and follow the split-brain runbook"
	}
	return f
}

// writer is a node that takes writes, and how that is known.
type writer struct{ node, words string }

// writing are the nodes that take writes as seen from here, and then those that a probe alone sees to.
func (s Situation) writing() []writer {
	var out []writer
	for _, r := range s.in(Writable) {
		out = append(out, writer{r.Node, fmt.Sprintf("%s on timeline %d", r.Node, r.Timeline)})
	}
	for _, r := range s.Readings {
		far := s.sightings(r.Node)[1:]
		i := slices.IndexFunc(far, func(v view) bool { return v.State == Writable })
		if i >= 0 && r.State != Writable {
			out = append(out, writer{r.Node, fmt.Sprintf("%s as seen from %s", r.Node, far[i].From)})
		}
	}
	return out
}

// identity is G3: every answer must come from the cluster and the node that the configuration means.
func (s Situation) identity() pointsman.Fact {
	f := pointsman.Fact{Guard: "G3", Kind: pointsman.Hard, Name: "identity", Limit: "the same on every node", Source: "all nodes", At: s.At, Result: pointsman.Pass}
	wrong := func(format string, args ...any) pointsman.Fact {
		f.Result, f.Text = pointsman.Fail, fmt.Sprintf(format, args...)
		f.Value, f.Clears = "wrong", "correct the addresses in the configuration"
		return f
	}
	var first *Reading
	named := 0
	for i, r := range s.Readings {
		if r.SystemID == "" {
			continue
		}
		if s.Sample.SystemID != "" && r.SystemID != s.Sample.SystemID {
			other := wrong("%s has the system identifier %s, the cluster's is %s", r.Node, r.SystemID, s.Sample.SystemID)
			other.Clears += "; where the cluster was built anew, start a second node of it: two that agree are believed"
			return other
		}
		if first == nil {
			first = &s.Readings[i]
		}
		if r.SystemID != first.SystemID {
			return wrong("%s has the system identifier %s and %s has %s: they are different clusters", first.Node, first.SystemID, r.Node, r.SystemID)
		}
		if other, same := s.sameServer(i); same {
			return wrong("%s and %s are the same server", other, r.Node)
		}
		if text := s.misnamed(r); text != "" {
			return wrong("%s", text)
		}
		if r.ClusterName == s.expectedName(r.Node) {
			named++
		}
	}
	switch {
	case first == nil:
		f.Result, f.Value, f.Text = pointsman.Unknown, "unknown", "no node tells which cluster it belongs to"
		f.Clears = "make one node answer"
		return f
	case s.Sample.SystemID == "" && len(s.in(Standby))+len(s.in(Writable)) < 2 && named == 0:
		// One node alone has nothing to be compared with; a person must know it.
		f.Kind, f.Result, f.Value = pointsman.Ack, pointsman.Unknown, "only "+first.Node+" answers"
		f.Text = fmt.Sprintf("%s has the system identifier %s and nothing tells whether that is the cluster's", first.Node, first.SystemID)
		f.Clears = "set cluster_name on the server to the node's name"
		return f
	}
	return good(f, "system identifier "+first.SystemID)
}

func (s Situation) sameServer(i int) (string, bool) {
	for _, other := range s.Readings[:i] {
		if other.SystemID != "" && other.StartedAt.Equal(s.Readings[i].StartedAt) {
			return other.Node, true
		}
	}
	return "", false
}

func (s Situation) expectedName(node string) string {
	if n, ok := s.Cluster.node(node); ok && n.ClusterName != "" {
		return n.ClusterName
	}
	return node
}

// misnamed: a server whose cluster_name is another node's was reached by a wrong address.
func (s Situation) misnamed(r Reading) string {
	n, _ := s.Cluster.node(r.Node)
	if n.ClusterName != "" && r.ClusterName != n.ClusterName {
		return fmt.Sprintf("the server at %s says that it is %q, it should be %q", r.Node, r.ClusterName, n.ClusterName)
	}
	if n.ClusterName == "" && r.ClusterName != r.Node {
		if _, other := s.Cluster.node(r.ClusterName); other {
			return fmt.Sprintf("the server at %s says that it is %s: their addresses are swapped", r.Node, r.ClusterName)
		}
	}
	return ""
}

// unseen is G27 for the nodes that tell nothing: a person may have promoted one that does not answer here. Of one that is
// seen stopped, or in recovery, that is known.
func (s Situation) unseen(old, candidate string) []pointsman.Fact {
	var out []pointsman.Fact
	for _, r := range s.Readings {
		if r.Node == old || r.Node == candidate || r.State == Standby || r.State == Writable || s.stoppedSomewhere(r.Node) {
			continue
		}
		views := s.sightings(r.Node)
		f := pointsman.Fact{
			Guard: "G27", Kind: pointsman.Ack, Name: "other node " + r.Node, Value: told(views), Limit: "seen in recovery, or stopped", Source: r.Node, At: r.At, Result: pointsman.Fail,
			Text:   fmt.Sprintf("%s %s: it may have been promoted by somebody, and it may have more than %s", r.Node, told(views), candidate),
			Clears: "make " + r.Node + " answer, or stop it",
		}
		if i := slices.IndexFunc(views, func(v view) bool { return v.State == Writable }); i >= 0 {
			f.Kind = pointsman.Hard
			f.Text = fmt.Sprintf("%s takes writes as seen from %s: a failover would make a second primary", r.Node, views[i].From)
		}
		out = append(out, f)
	}
	return out
}

// redundancy is G29: what is left to fail over to afterwards.
func (s Situation) redundancy(old, candidate string) pointsman.Fact {
	return withoutStandby(candidate+" will have no standby", len(s.beside(old, candidate)), s)
}

// beside lists the standbys that there are beside the two.
func (s Situation) beside(old, candidate string) []Reading {
	var out []Reading
	for _, r := range s.in(Standby) {
		if r.Node != candidate && r.Node != old {
			out = append(out, r)
		}
	}
	return out
}

// standbysOf is G29 of a primary by its own word. Where it does not tell who follows it, none shows, which is not none.
func (s Situation) standbysOf(state string, p Reading) pointsman.Fact {
	f := withoutStandby(state, p.Followers, s)
	switch {
	case p.State != Writable:
		f.Result, f.Value, f.Text = pointsman.Unknown, "not told", fmt.Sprintf("who follows %s cannot be told: it %s", p.Node, p.State.Words())
	case !p.Stats:
		f.Result, f.Value, f.Clears = pointsman.Unknown, "not told", noStats
		f.Text = fmt.Sprintf("who follows %s cannot be told: Pointsman's role there may not read other roles' statistics", p.Node)
	}
	return f
}

// withoutStandby begins its sentence with what is or will be so.
func withoutStandby(state string, left int, s Situation) pointsman.Fact {
	f := pointsman.Fact{Guard: "G29", Kind: pointsman.Warn, Name: "standbys left", Value: fmt.Sprint(left), Limit: "at least 1", Source: "all nodes", At: s.At, Result: pointsman.Pass}
	if left == 0 {
		f.Result = pointsman.Fail
		f.Text = state + ", wanted is at least 1: if it is lost too, there is nothing to fail over to"
		f.Clears = "attach a standby afterwards"
	}
	return f
}
