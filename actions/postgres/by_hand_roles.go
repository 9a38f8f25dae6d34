package postgres

import (
	"fmt"

	"github.com/pointsman/pointsman/actions"
)

// promoting is the command that promotes the node, if it is a standby yet and no other one says that it is a primary. One that is
// silent says nothing: of that a person must make sure.
func (c Cluster) promoting(node Node) []string {
	asks, why := []string{node.says("= t")}, node.Name+" must be a standby yet"
	for _, other := range c.Nodes {
		if other.Name != node.Name {
			asks = append(asks, other.says("!= f"))
			why += ", and " + other.Name + " no primary"
		}
	}
	return []string{
		remark("first make certain that no other node takes writes or will: one that does not answer must be stopped, and kept from starting"),
		only(asks, why, node.psql(maintenance, "SELECT pg_promote(true, 60)")),
	}
}

// ByHand implements actions.Handy. There is no way back: a promoted server has a history of its own.
func (a Promote) ByHand(in actions.Input) (do, undo []string) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return nil, nil
	}
	node, _ := cluster.node(args.Candidate)
	return cluster.promoting(node), nil
}

// ByHand implements actions.Handy.
func (a Verify) ByHand(in actions.Input) (do, undo []string) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return nil, nil
	}
	node, _ := cluster.node(args.Candidate)
	do = append(do, remark("%s must say f", node.Name), node.psql(maintenance, "SELECT pg_is_in_recovery()"))
	for _, e := range cluster.endpoints() {
		if e.empty() {
			continue
		}
		do = append(do, e.psql("", fmt.Sprintf("INSERT INTO %s (id, at, token) VALUES (%d, now(), $$by hand$$) ON CONFLICT (id) DO UPDATE SET at = excluded.at, token = excluded.token RETURNING at, inet_server_addr()",
			cluster.HeartbeatTable, e.row)))
	}
	return do, nil
}

// ByHand implements actions.Handy.
func (a Checkpoint) ByHand(in actions.Input) (do, undo []string) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return nil, nil
	}
	node, _ := cluster.node(args.Node)
	return []string{node.psql(maintenance, "CHECKPOINT")}, nil
}

// ByHand implements actions.Handy. Who is who the check has found out, where the step does not say it. The way back of a switchover
// that went through is another switchover; of one that did not, clients must be let go to a server that runs.
func (a Switchover) ByHand(in actions.Input) (do, undo []string) {
	args, _, err := a.args(in)
	if err != nil {
		return nil, nil
	}
	cluster, err := a.c.find(in, args.Cluster)
	if err != nil {
		return nil, nil
	}
	old, candidate := in.Pins["old_primary"], args.Candidate
	if candidate == "" {
		candidate = in.Pins["candidate"]
	}
	node, known := cluster.node(candidate)
	if !known {
		node.Name = "the standby that has everything"
	}
	if old == "" {
		old = "the primary"
	}
	do = append(cluster.commands("PAUSE", cluster.Poolers), remark("stop %s in order, with pg_ctl stop -m fast, and keep it from starting again", old))
	if known {
		do = append(do, remark("what %s has replayed must be beyond the Latest checkpoint location that pg_controldata tells of %s:", node.Name, old),
			node.psql(maintenance, "SELECT pg_last_wal_replay_lsn()"))
		do = append(do, cluster.promoting(node)...)
		undo = append(undo, remark("whether %s is a standby yet:", node.Name), node.psql(maintenance, "SELECT pg_is_in_recovery()"))
	} else {
		do = append(do, remark("wait until %s has replayed all of it, and there: SELECT pg_promote", node.Name))
	}
	resume := cluster.commands("RESUME", cluster.Poolers)
	do = append(append(do, remark("lead the poolers, or the address of the clients, to %s", node.Name)), resume...)
	undo = append(undo, remark("with t, start %s again, if it is stopped", old), remark("with f, %s is the primary: lead the poolers to it", node.Name), remark("only then:"))
	return do, append(undo, resume...)
}
