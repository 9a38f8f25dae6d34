package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pointsman/pointsman/actions/postgres/probe"
)

// Reading is what one node told about itself, or how it failed to.
type Reading struct {
	Node string
	Addr string // host:port of the configuration
	probe.Sighting

	SystemID    string
	ClusterName string
	StartedAt   time.Time // of the postmaster: tells two servers apart that share an identity
	Timeline    int
	LSN         LSN // a primary's flushed position
	Receive     LSN // a standby's: what it has, whether replayed or not
	Replay      LSN
	Paused      bool
	ReplayedAt  time.Time // commit time of the last replayed transaction, by the primary's clock
	Beat        time.Time // the heartbeat row as replayed here; zero where there is none
	BeatWrites  bool      // we may write the heartbeat table
	Keeping     Keeping
	Receiver    Receiver
	Followers   int           // standbys that stream from here
	FollowedBy  []string      // their application_names
	Sync        string        // those of them that commits wait for, by application_name, joined with commas
	Delay       time.Duration // recovery_min_apply_delay of a standby
	FollowsAs   string        // application_name by which it follows whom it follows; empty where we may not read it
	Stats       bool          // we may read everybody's statistics; else Receiver and who follows are not told, which looks like nobody
	GivesUp     time.Duration // wal_receiver_timeout: its receiver asks for a sign of life after half of it; never where it is zero
}

// Receiver is a standby's own view of the primary, from pg_stat_wal_receiver.
type Receiver struct {
	Status string // "streaming", "" when there is none
	Silent time.Duration
	Host   string // whom it follows
	Port   int
}

// followsSQL is the application_name that a standby gives its primary: by primary_conninfo, or else as its walreceiver takes
// it (libpqwalreceiver.c). Only this word of the connection string leaves the server. Needed right: pg_monitor.
const followsSQL = `CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN coalesce(
		nullif(btrim(substring(current_setting('primary_conninfo', true)
			FROM '(?:^|[[:space:]?&])application_name[[:space:]]*=[[:space:]]*(''[^'']*''|[^[:space:]&]+)'), ''''), ''),
		nullif(current_setting('cluster_name'), ''), 'walreceiver')
	ELSE '' END`

// statsSQL is whether our role may read the statistics of other roles' sessions. To a role without it pg_stat_wal_receiver,
// pg_stat_replication and pg_stat_activity show rows of NULL, and no error. Needed right: pg_monitor.
const statsSQL = `pg_has_role('pg_read_all_stats', 'USAGE')`

// noStats is what clears it.
const noStats = "GRANT pg_monitor TO Pointsman's role, on the primary"

// readSQL asks everything in one round trip. The timeline of a primary comes from its WAL file name, because
// pg_control_checkpoint shows the old one until the first checkpoint after a promotion; a standby has no WAL file name
// of its own, and takes the newest timeline that it has received, replayed or checkpointed; see askTimeline.
const readSQL = `SELECT pg_is_in_recovery(), s.system_identifier::text, current_setting('cluster_name'), pg_postmaster_start_time(),
	CASE WHEN pg_is_in_recovery()
		THEN greatest(r.received_tli, c.timeline_id, m.min_recovery_end_timeline)::int
		ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
	CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_flush_lsn()::text ELSE '' END,
	coalesce(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::text, ''),
	coalesce(pg_last_wal_replay_lsn()::text, ''),
	CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE false END,
	coalesce(pg_last_xact_replay_timestamp(), 'epoch'),
	coalesce(r.status, ''), coalesce(extract(epoch FROM clock_timestamp() - r.last_msg_receipt_time), 0)::float8,
	coalesce(r.sender_host, ''), coalesce(r.sender_port, 0),
	f.streaming,
	to_regclass($1) IS NOT NULL,
	f.sync, (extract(epoch FROM current_setting('recovery_min_apply_delay')::interval) * 1000)::bigint,
	` + followsSQL + `, f.names, ` + statsSQL + `,
	(extract(epoch FROM current_setting('wal_receiver_timeout')::interval) * 1000)::bigint,
	pg_is_in_recovery() AND r.received_tli IS NULL, ` + keepingSQL + `
	FROM pg_control_system() s, pg_control_checkpoint() c, pg_control_recovery() m
	LEFT JOIN pg_stat_wal_receiver r ON true,
	(SELECT (count(*) FILTER (WHERE state = 'streaming'))::int AS streaming,
		count(*)::int AS senders,
		coalesce(array_agg(application_name) FILTER (WHERE state = 'streaming'), '{}') AS names,
		coalesce(string_agg(application_name, ',' ORDER BY application_name) FILTER (WHERE sync_state IN ('sync', 'quorum')), '') AS sync
		FROM pg_stat_replication) f`

// read asks one node over a new connection and returns the connection where the node answered, for whoever goes on.
func (n Node) read(ctx context.Context, table string) (Reading, *pgx.Conn) {
	r := Reading{Node: n.Name, Addr: n.addr()}
	r.At = time.Now() // of the question: a node that does not answer did not from then on
	conn, err := n.connect(ctx, "")
	if err == nil {
		if err = r.ask(ctx, conn, table); err != nil {
			discard(conn)
			conn, err = nil, scrubbed(err, nil)
		}
	}
	if err != nil {
		r.State, r.Detail = stateOf(err), err.Error()
		if r.State == Closing {
			r.askClosed(ctx, n)
		}
		return r, nil
	}
	r.At = time.Now()
	return r, conn
}

func (r *Reading) ask(ctx context.Context, conn *pgx.Conn, table string) error {
	var recovery, hasTable, aground bool
	var lsn, receive, replay string
	var silent float64
	var delay, givesUp, retry int64 // ms
	err := conn.QueryRow(ctx, readSQL, table).Scan(append([]any{
		&recovery, &r.SystemID, &r.ClusterName, &r.StartedAt, &r.Timeline,
		&lsn, &receive, &replay, &r.Paused, &r.ReplayedAt, &r.Receiver.Status, &silent, &r.Receiver.Host, &r.Receiver.Port,
		&r.Followers, &hasTable, &r.Sync, &delay, &r.FollowsAs, &r.FollowedBy,
		&r.Stats, &givesUp, &aground,
	}, r.Keeping.into(&retry)...)...)
	if err != nil {
		return err
	}
	r.State = Writable
	if recovery {
		r.State = Standby
	}
	r.Delay, r.Keeping.Retry = time.Duration(delay)*time.Millisecond, time.Duration(retry)*time.Millisecond
	r.GivesUp = time.Duration(givesUp) * time.Millisecond
	r.Receiver.Silent = time.Duration(silent * float64(time.Second))
	var faults [3]error
	r.LSN, faults[0] = ParseLSN(lsn)
	r.Receive, faults[1] = ParseLSN(receive)
	r.Replay, faults[2] = ParseLSN(replay)
	if err := errors.Join(faults[:]...); err != nil {
		return fmt.Errorf("node %s: %w", r.Node, err)
	}
	if aground && r.Stats {
		if err := r.askTimeline(ctx, conn); err != nil {
			return err
		}
	}
	if hasTable {
		return r.askBeat(ctx, conn, table)
	}
	return nil
}

// askTimeline reads the newest timeline of the WAL files here. What the receiver knew of it is gone with the receiver, and the
// control file learns it with the next restartpoint. Files are recycled under timelines that were replayed only. A server that
// refuses leaves what it told before; needed right: pg_monitor.
func (r *Reading) askTimeline(ctx context.Context, conn *pgx.Conn) error {
	var newest int
	err := conn.QueryRow(ctx, `SELECT coalesce(max(('x' || substr(name, 1, 8))::bit(32)::int), 0) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'`).Scan(&newest)
	r.Timeline = max(r.Timeline, newest)
	if _, answered := errors.AsType[*pgconn.PgError](err); answered {
		return nil
	}
	return err
}

// askBeat reads the heartbeat; a missing right leaves it unknown.
func (r *Reading) askBeat(ctx context.Context, conn *pgx.Conn, table string) error {
	// The table's name is from the configuration and was checked to be an identifier.
	err := conn.QueryRow(ctx, `SELECT coalesce((SELECT at FROM `+table+` WHERE id = $1), 'epoch'),
		has_table_privilege($2, 'SELECT') AND has_table_privilege($2, 'INSERT') AND has_table_privilege($2, 'UPDATE')`,
		beatRow, table).Scan(&r.Beat, &r.BeatWrites)
	if r.Beat.Unix() == 0 {
		r.Beat = time.Time{}
	}
	if _, answered := errors.AsType[*pgconn.PgError](err); answered {
		return nil
	}
	return err
}

// discard closes a connection in the background: a hung server must not hold up whoever has read enough.
func discard(conn *pgx.Conn) {
	if conn == nil {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // nothing was written
	}()
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
