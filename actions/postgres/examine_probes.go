package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres/probe"
)

// examineProbes asks every vantage point about every node. One that does not answer is missing from the quorum; one that
// is blind is worse, because it would say of a living primary that it is gone.
func (c *Clusters) examineProbes(ctx context.Context, cluster Cluster, met nodesMet) []pointsman.Fact {
	var out []pointsman.Fact
	for _, p := range cluster.Probes {
		e := examination{cluster: cluster.Name, node: "probe " + p.Name, at: time.Now()}
		for _, n := range cluster.Nodes {
			ctx, cancel := context.WithTimeout(ctx, cluster.ReadTimeout+reserve)
			asked := time.Now()
			seen, err := c.ask(ctx, p, probe.Question{Cluster: cluster.Name, Node: n.Name})
			cancel()
			offset := seen.At.Sub(asked.Add(time.Since(asked) / 2))
			if deaf := e.judgeProbe(n.Name, met, seen, err); deaf {
				break // it will say the same of each node
			}
			if err == nil && !e.said("clock") {
				e.clock(offset, "run an NTP client on both machines; the ages of what it saw are wrong by as much")
			}
		}
		out = append(out, e.facts...)
	}
	return out
}

// judgeProbe reports whether the probe cannot be asked at all.
func (e *examination) judgeProbe(node string, met nodesMet, seen probe.Sighting, err error) bool {
	if status, ok := errors.AsType[*probe.StatusError](err); ok && status.Code == http.StatusNotFound {
		e.say(pointsman.Hard, "knows "+node, false, "no such node is configured there", "configure the cluster there with the same names of cluster and nodes")
		return false
	} else if ok && status.Code == http.StatusUnauthorized {
		e.say(pointsman.Hard, "answers", false, "it refuses our token", "put the same token into its --token-file and our token_file")
		return true
	}
	if err != nil {
		e.say(pointsman.Hard, "answers", false, err.Error(), "start pointsman probe there, correct url, token_file or ca_file, and open its port for this machine")
		return true
	}
	i := slices.IndexFunc(met, func(r rights) bool { return r.node == node })
	weReach := i >= 0
	blind := weReach && seen.State != Writable && seen.State != ReadOnly && seen.State != Standby
	text := fmt.Sprintf("from there %s %s", node, seen.State.Words())
	if blind {
		text += detail(seen.Detail) + ", while we reach it: in a failover the probe would count as one that sees it gone"
	}
	if weReach && !blind && met[i].other(seen) {
		blind, text = true, text+", and it is another server than the one that we reach: in a failover the probe would speak of the wrong node"
	}
	e.say(pointsman.Hard, "sees "+node, !blind, text, "open the way from the probe to the node, and correct the node's DSN there")
	if seen.Server == (probe.Server{}) && !e.said("says which server it sees") {
		e.say(pointsman.Warn, "says which server it sees", false, "it is an older Pointsman, which does not: after a stop hook that failed its word proves no fence",
			"update pointsman there")
	}
	return false
}

// other reports whether the probe sees another server than this one, by what that says of itself, or by its role.
func (r rights) other(seen probe.Sighting) bool {
	by := seen.Server
	return by.SystemID != "" && (by.SystemID != r.systemID || !by.StartedAt.Equal(r.startedAt)) || (seen.State == Standby) != r.recovery
}
