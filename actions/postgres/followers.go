package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// follower is one row of a primary's pg_stat_replication.
type follower struct {
	Name   string // application_name, by default the standby's cluster_name
	State  string
	Sync   string // async, potential, sync, quorum
	Replay LSN
}

// errBlind is an answer in which rows of NULL stand for what our role may not see.
var errBlind = errors.New("Pointsman's role there may not read other roles' statistics (" + noStats + ")")

// is reports whether the row is the node's: the standby says its name in primary_conninfo or by its cluster_name.
func (s Situation) is(f follower, node string) bool {
	return f.Name == node || f.Name == s.expectedName(node)
}

// followersOf asks the node who streams from it. Needed right: pg_monitor.
func (c Cluster) followersOf(ctx context.Context, node string) ([]follower, error) {
	n, _ := c.node(node)
	ctx, cancel := context.WithTimeout(ctx, budget(ctx, c.ReadTimeout))
	defer cancel()
	conn, err := n.connect(ctx, "")
	if err != nil {
		return nil, err
	}
	defer discard(conn)
	rows, err := conn.Query(ctx, `SELECT `+statsSQL+`, application_name, coalesce(state, ''), coalesce(sync_state, ''), coalesce(replay_lsn::text, '')
		FROM pg_stat_replication ORDER BY application_name, pid`)
	if err != nil {
		return nil, scrubbed(err, nil)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (follower, error) {
		var f follower
		var replay string
		var stats bool
		if err := row.Scan(&stats, &f.Name, &f.State, &f.Sync, &replay); err != nil {
			return f, err
		}
		if !stats {
			return f, errBlind
		}
		var err error
		f.Replay, err = ParseLSN(replay)
		return f, err
	})
	if errors.Is(err, errBlind) {
		return nil, errBlind
	}
	return list, scrubbed(err, nil)
}
