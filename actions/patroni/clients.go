package patroni

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres/dsn"
)

// beatRow is the row of the heartbeat table that is written here, apart from those of the kinds postgres.*.
const beatRow = 1000

// arrival is where the clients' address led to, and what stood in its row.
type arrival struct {
	SystemID string
	Timeline int // 0 on a standby
	Token    string
	Writes   bool // the role may write the table
	At       time.Time
}

// config returns the driver's configuration as it is now; a rotated password needs no restart.
func (c Clients) config() (*pgx.ConnConfig, error) {
	if c.empty() {
		return nil, errors.New("no clients' address is configured")
	}
	return dsn.Read(c.DSN, c.DSNFile)
}

// takesAny reports whether the address names several servers and may lead to one that takes no writes, whatever the others do: it
// takes the first that answers, or prefers a standby.
func (c Clients) takesAny() bool {
	cfg, err := c.config()
	if err != nil || len(dsn.Hosts(cfg)) < 2 {
		return false
	}
	wanted := reflect.ValueOf(cfg.ValidateConnect).Pointer() // the driver keeps the word of target_session_attrs as a function only
	for _, writes := range []pgconn.ValidateConnectFunc{pgconn.ValidateConnectTargetSessionAttrsReadWrite, pgconn.ValidateConnectTargetSessionAttrsPrimary} {
		if wanted == reflect.ValueOf(writes).Pointer() {
			return false
		}
	}
	return true
}

// opener is a way to a session: the driver's, which is that of clients, or dsn.Beside.
type opener func(context.Context, *pgx.ConnConfig) (*pgx.Conn, error)

func connect(ctx context.Context, cfg *pgx.ConnConfig, open opener) (*pgx.Conn, error) {
	cfg.RuntimeParams["application_name"] = "pointsman"
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec // no prepared statements: a pooler may stand in between
	conn, err := open(ctx, cfg)
	return conn, told(err, cfg.Password)
}

// told keeps the driver's texts, which repeat the connection string, out of ours.
func told(err error, password string) error {
	if err == nil {
		return nil
	}
	text := "no connection to a server that takes writes"
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		text = fmt.Sprintf("%s (SQLSTATE %s)", e.Message, e.Code)
	}
	if password != "" {
		text = strings.ReplaceAll(text, password, "***")
	}
	return &toldError{text, err}
}

// toldError says our text, and lets the cause be recognised.
type toldError struct {
	text  string
	cause error
}

func (e *toldError) Error() string { return e.text }

func (e *toldError) Unwrap() error { return e.cause }

// arriveSQL takes the timeline from the name of the WAL file: the control file shows the old one until the first
// checkpoint after a promotion.
const arriveSQL = `SELECT (SELECT system_identifier::text FROM pg_control_system()),
	CASE WHEN pg_is_in_recovery() THEN 0 ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
	has_table_privilege($2, 'INSERT') AND has_table_privilege($2, 'UPDATE'),
	coalesce((SELECT token FROM `

// visit opens a new connection through the clients' address, writes the token where one is given, and reads the row back.
func (c Cluster) visit(ctx context.Context, token string) (arrival, error) {
	cfg, err := c.Clients.config()
	if err != nil {
		return arrival{At: time.Now()}, err
	}
	return c.through(ctx, cfg, pgx.ConnectConfig, token)
}

// through is a visit, all in one transaction, because a pooler may give each its own server.
func (c Cluster) through(ctx context.Context, cfg *pgx.ConnConfig, open opener, token string) (arrival, error) {
	a := arrival{At: time.Now()}
	conn, err := connect(ctx, cfg, open)
	if err != nil {
		return a, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // everything is committed or lost by now
	err = pgx.BeginTxFunc(ctx, conn, dsn.SystemNamesTx(), func(tx pgx.Tx) error {
		if token != "" {
			if _, err := tx.Exec(ctx, "INSERT INTO "+c.HeartbeatTable+` (id, at, token) VALUES ($1, $2, $3)
				ON CONFLICT (id) DO UPDATE SET at = excluded.at, token = excluded.token`, beatRow, time.Now().UTC(), token); err != nil {
				return err
			}
		}
		return tx.QueryRow(ctx, arriveSQL+c.HeartbeatTable+" WHERE id = $1), '')", beatRow, c.HeartbeatTable).
			Scan(&a.SystemID, &a.Timeline, &a.Writes, &a.Token)
	})
	return a, told(err, "")
}

// asClients is a visit that lasts as long as one of a client: the old leader may hang, and they come to the new one all the same.
func (c Cluster) asClients(ctx context.Context, token string) (arrival, error) {
	cfg, err := c.Clients.config()
	if err != nil {
		return arrival{At: time.Now()}, err
	}
	ctx, cancel := context.WithTimeout(ctx, budget(ctx, dsn.AsClients(ctx, cfg, c.ReadTimeout)))
	defer cancel()
	return c.through(ctx, cfg, pgx.ConnectConfig, token)
}

// readBack is a visit for a token that only the way of the clients can have brought there, so that way is proven. A look is shorter than
// many a connect_timeout: the hosts are asked beside each other, or one that hangs would keep the proof from being seen for as long as it hangs.
func (c Cluster) readBack(ctx context.Context) (arrival, error) {
	cfg, err := c.Clients.config()
	if err != nil {
		return arrival{At: time.Now()}, err
	}
	ctx, cancel := context.WithTimeout(ctx, budget(ctx, c.ReadTimeout))
	defer cancel()
	return c.through(ctx, cfg, dsn.Beside, "")
}

// write writes the token until it arrives on the leader's timeline, or the context ends. To write it again does no harm.
func (c Cluster) write(ctx context.Context, systemID string, timeline int, token string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		a, err := c.asClients(ctx, token)
		if err == nil && a.SystemID == systemID && a.Timeline == timeline {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("it leads to a server on timeline %d of %s, wanted is %d of %s", a.Timeline, a.SystemID, timeline, systemID)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("write through clients: %w", errors.Join(err, context.Cause(ctx)))
		case <-tick.C:
		}
	}
}

// reachable is G22 before a switchover: the proof by a write could be made.
func (c Cluster) reachable(ctx context.Context, systemID string) pointsman.Fact {
	visitCtx, cancel := context.WithTimeout(ctx, budget(ctx, c.ReadTimeout))
	defer cancel()
	a, err := c.visit(visitCtx, "")
	f := pointsman.Fact{
		Guard: "G22", Kind: pointsman.Hard, Name: "clients' address", Limit: "leads to the leader, and the role may write " + c.HeartbeatTable,
		Source: "clients", At: a.At, Result: pointsman.Fail, Clears: "correct clients of the target, or take it out to go without the proof by a write",
	}
	switch {
	case err != nil:
		f.Value, f.Result, f.Text = "no answer", pointsman.Unknown, fmt.Sprintf("the clients' address cannot be read through: %v", err)
	case a.SystemID != systemID:
		f.Value, f.Text = a.SystemID, fmt.Sprintf("the clients' address leads to another database: system identifier %s, the cluster's is %s", a.SystemID, orNobody(systemID))
	case a.Timeline == 0:
		f.Value, f.Text = "a standby", "the clients' address leads to a standby; it must lead to whoever leads"
	case !a.Writes:
		f.Value, f.Text = "may not write", "the role may not write "+c.HeartbeatTable
	default:
		return good(f, fmt.Sprintf("timeline %d", a.Timeline))
	}
	return f
}

// arrived is G22 after it: the token is read back, over a new connection, from the leader's timeline.
func (s Situation) arrived(a arrival, token string, err error) pointsman.Fact {
	leader, timeline := orNobody(s.leader().Name), s.timeline()
	f := pointsman.Fact{
		Guard: "G22", Kind: pointsman.Hard, Name: "write through clients", Limit: "on the leader", Source: "clients", At: a.At,
		Result: pointsman.Fail, Clears: "let the clients' address lead to " + leader,
	}
	switch {
	case err != nil:
		f.Value, f.Result, f.Text = "no answer", pointsman.Unknown, fmt.Sprintf("the clients' address could not be read through: %v", err)
	case a.SystemID != s.systemID() || a.Timeline != timeline:
		f.Value = fmt.Sprintf("timeline %d", a.Timeline)
		f.Text = fmt.Sprintf("the clients' address leads to a server on timeline %d, wanted is %d of %s", a.Timeline, timeline, leader)
	case token == "":
		f.Value, f.Text, f.Clears = "nothing written", "nothing was written through the clients' address", "start a new run"
	case a.Token != token:
		f.Value, f.Text = "another token", "the write through the clients' address was not read back"
	default:
		return good(f, fmt.Sprintf("read back on timeline %d", a.Timeline))
	}
	return f
}
