package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres/dsn"
)

// nodesMet are the nodes that answered.
type nodesMet []rights

// is finds the node that an address led to. Two servers of one cluster share the identifier; when their postmasters
// started tells them apart, also behind a pooler.
func (m nodesMet) is(systemID string, started time.Time) (rights, bool) {
	for _, r := range m {
		if r.systemID == systemID && r.startedAt.Equal(started) {
			return r, true
		}
	}
	return rights{}, false
}

func (m nodesMet) primaries() (names []string) {
	for _, r := range m {
		if !r.recovery {
			names = append(names, r.node)
		}
	}
	return names
}

// examineNodes holds the nodes against each other: they are copies of one database, and one of them takes writes.
func (c Cluster) examineNodes(met nodesMet) []pointsman.Fact {
	e := examination{cluster: c.Name, at: time.Now()}
	var told []string
	same := true
	for _, r := range met {
		told = append(told, r.node+" "+r.systemID)
		same = same && r.systemID == met[0].systemID
	}
	if len(met) > 1 {
		e.say(pointsman.Hard, "one database", same, "the nodes' system identifiers are "+strings.Join(told, ", "), "correct the DSN of the node that belongs to another cluster, or rebuild it")
	}
	switch names := met.primaries(); {
	case len(names) > 1:
		e.say(pointsman.Hard, "one primary", false, strings.Join(names, " and ")+" both take writes: that is a split brain", "start the runbook postgres-split-brain; stop one of them before clients write to both")
	case len(names) == 0 && len(met) == len(c.Nodes):
		e.say(pointsman.Hard, "one primary", false, "all nodes are standbys: nobody takes writes", "start the runbook postgres-failover, or name the node that is the primary")
	}
	return e.facts
}

// examineClients looks where the clients' addresses lead: the verification after a failover writes through each of them.
func (c Cluster) examineClients(ctx context.Context, met nodesMet) []pointsman.Fact {
	var out []pointsman.Fact
	for _, end := range c.endpoints() {
		e := examination{cluster: c.Name, node: end.name, at: time.Now()}
		e.path(ctx, c, end.Address, met)
		e.nextHost(ctx, end.Address)
		out = append(out, e.facts...)
	}
	return out
}

// landing is where an address led to.
type landing struct {
	role, systemID string
	recovery       bool
	hasTable, may  bool
	startedAt      time.Time
}

const landSQL = `SELECT current_user, (SELECT system_identifier::text FROM pg_control_system()), pg_is_in_recovery(), pg_postmaster_start_time(), to_regclass($1) IS NOT NULL`

func (a Address) land(ctx context.Context, table string) (l landing, err error) {
	err = a.within(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, landSQL, table).Scan(&l.role, &l.systemID, &l.recovery, &l.startedAt, &l.hasTable)
		if err == nil && l.hasTable {
			err = tx.QueryRow(ctx, writesSQL, table).Scan(&l.may)
		}
		return err
	})
	return l, err
}

// path says where an address leads, in one line: to the primary of this cluster, as a role that may write the heartbeat.
func (e *examination) path(ctx context.Context, c Cluster, a Address, met nodesMet) {
	ctx, cancel := context.WithTimeout(ctx, c.ReadTimeout)
	defer cancel()
	l, err := a.land(ctx, c.HeartbeatTable)
	if err != nil {
		e.say(pointsman.Hard, "leads to the primary", false, "it cannot be connected to: "+a.at(err.Error()), "correct its DSN, pg_hba.conf and password, or start what listens there")
		return
	}
	node, ours := met.is(l.systemID, l.startedAt)
	switch {
	case len(met) > 0 && met[0].systemID != l.systemID:
		e.say(pointsman.Hard, "leads to the primary", false, fmt.Sprintf("it leads to another database: system identifier %s, the nodes have %s", l.systemID, met[0].systemID), "correct its DSN: a write there would prove nothing")
	case l.recovery:
		e.say(pointsman.Hard, "leads to the primary", false, "it leads to a standby, which takes no writes", "name all hosts in its DSN, with target_session_attrs=read-write, or correct what stands in front")
	case len(met) == len(c.Nodes) && !ours:
		e.say(pointsman.Hard, "leads to the primary", false, "it leads to a server of this database that is none of the configured nodes", "add the server to nodes, or correct the address")
	case !l.hasTable, !l.may:
		e.say(pointsman.Hard, "leads to the primary", false, fmt.Sprintf("the role %s may not write %s there, so no promotion can be verified", l.role, c.HeartbeatTable),
			"GRANT SELECT, INSERT, UPDATE ON "+c.HeartbeatTable+" TO "+l.role+", in the database of its DSN")
	case !ours:
		e.say(pointsman.Warn, "leads to the primary", false, "it leads to a server that takes writes, and which node that is cannot be told: not all nodes answer", "make the nodes answer")
	default:
		e.say(pointsman.Hard, "leads to the primary", true, fmt.Sprintf("it leads to %s as the role %s, which may write %s", node.node, l.role, c.HeartbeatTable), "")
	}
}

// nextHost warns of an address whose clients would stay with a server that hangs: it takes the connection and never answers, and
// only a connect_timeout leads on to the next one.
func (e *examination) nextHost(ctx context.Context, a Address) {
	cfg, err := a.config()
	if err != nil {
		return // told already
	}
	if why := dsn.Lingers(ctx, cfg); why != "" {
		e.say(pointsman.Warn, "goes on to the next host", false, why+": where the first one hangs, nobody comes to the next, and no failover is verified",
			"add connect_timeout=2 to it, and to what the applications connect with")
	}
}

// Identities are the clusters' system identifiers by the target's key, as their nodes say them; of a cluster in which
// nobody answers nothing is known.
func (c *Clusters) Identities(ctx context.Context) map[string]string {
	out := map[string]string{}
	for _, name := range c.names {
		s, err := c.shared(ctx, c.byName[name])
		if err != nil {
			continue
		}
		for _, r := range s.Readings {
			if r.SystemID != "" {
				out[pointsman.Target{Kind: "postgres", Name: name}.Key()] = r.SystemID
			}
		}
	}
	return out
}
