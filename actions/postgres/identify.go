package postgres

import (
	"fmt"

	"github.com/pointsman/pointsman/actions/postgres/probe"
)

// server is what a reading says of which server answered.
func (r Reading) server() probe.Server {
	return probe.Server{SystemID: r.SystemID, StartedAt: r.StartedAt, ClusterName: r.ClusterName, Addr: r.Addr}
}

// doubted takes a probe's word that a node takes no writes for nothing seen, where what it looks at is another server: an
// address there that is swapped or stale would say of a living primary that it is a standby. A sign of life stays one.
func (s Situation) doubted() {
	for node, sights := range s.Probes {
		for i, seen := range sights {
			if why := s.elsewhere(node, seen.Server); why != "" && seen.State.Gone() {
				sights[i].State, sights[i].Detail = Unsure, "it looks at another server: "+why
			}
		}
	}
}

// elsewhere is why this is not the node's server; empty where nothing says so, as of a server that told nothing.
func (s Situation) elsewhere(node string, seen probe.Server) string {
	if seen.SystemID == "" {
		return ""
	}
	if known := s.systemID(); known != "" && seen.SystemID != known {
		return fmt.Sprintf("it has the system identifier %s, the cluster's is %s", seen.SystemID, known)
	}
	for _, r := range s.Readings {
		if r.SystemID == "" || (r.Node == node) == r.StartedAt.Equal(seen.StartedAt) {
			continue
		}
		if r.Node == node {
			return fmt.Sprintf("it was started at another time than %s", node)
		}
		return "it is " + r.Node
	}
	return s.misnamed(Reading{Node: node, ClusterName: seen.ClusterName})
}

// systemID is the cluster's, as it was known while it was healthy, or as any node tells it.
func (s Situation) systemID() string {
	if s.Sample.SystemID != "" {
		return s.Sample.SystemID
	}
	for _, r := range s.Readings {
		if r.SystemID != "" {
			return r.SystemID
		}
	}
	return ""
}

// proves reports whether this sighting shows that the node itself is stopped. A probe's word counts only where the server that
// it saw is the node's, or where nobody listens at the very address that is ours; older probes tell neither.
func (s Situation) proves(node string, v view) bool {
	if v.here {
		return v.State.Stopped() && s.elsewhere(node, s.reading(node).server()) == ""
	}
	n, _ := s.Cluster.node(node)
	seen, r := v.Server, s.reading(node)
	switch v.State {
	case Refused:
		return seen.Addr != "" && (seen.Addr == r.Addr || seen.Addr == n.Advertised)
	case Standby, Fenced:
		named := seen.ClusterName == s.expectedName(node) || r.SystemID != "" && r.StartedAt.Equal(seen.StartedAt)
		return seen.SystemID != "" && seen.SystemID == s.systemID() && named && s.elsewhere(node, seen) == ""
	}
	return false
}
