package demo

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman/cmd/lab"
)

// monitor does what Prometheus and its rules do: it looks at the servers and tells Alertmanager what is wrong, for as
// long as it is.
type monitor struct {
	pair   *lab.Pair
	am     *lab.Alertmanager
	firing map[string]bool
}

const (
	lookEvery = 300 * time.Millisecond
	// bad in a row before an alert fires, as "for:" in a rule.
	badInARow = 2
)

func (m *monitor) run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	bad := map[string]int{}
	for {
		seen := m.look(ctx)
		for _, name := range []string{"PrimaryDown", "ReplicationDisconnected"} { // the graver one first, as people would tell it
			if seen[name] {
				bad[name]++
			} else {
				bad[name] = 0
			}
			m.tell(ctx, name, bad[name] >= badInARow)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look asks the servers: does any take writes, and does every standby receive?
func (m *monitor) look(ctx context.Context) map[string]bool {
	writable, cut := false, false
	for _, n := range m.pair.Nodes() {
		var standby, receives bool
		err := ask(ctx, n.DSN(lab.Pointsman, lab.AppDatabase), `SELECT pg_is_in_recovery(), EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')`, &standby, &receives)
		writable = writable || err == nil && !standby
		cut = cut || err == nil && standby && !receives
	}
	return map[string]bool{"PrimaryDown": !writable, "ReplicationDisconnected": cut}
}

func ask(ctx context.Context, dsn, query string, into ...any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return conn.QueryRow(ctx, query).Scan(into...)
}

func (m *monitor) tell(ctx context.Context, name string, wrong bool) {
	labels := map[string]string{"alertname": name, "cluster": "orders", "severity": "critical", "job": "postgres"}
	summary := map[string]string{
		"PrimaryDown":             "No server of orders takes writes",
		"ReplicationDisconnected": "The standby of orders receives nothing from its primary",
	}[name]
	switch {
	case wrong:
		if m.am.Fire(ctx, labels, map[string]string{"summary": summary}) == nil {
			m.firing[name] = true
		}
	case m.firing[name]:
		if m.am.Resolve(ctx, labels) == nil {
			m.firing[name] = false
		}
	}
}

// customers write orders through the address that clients use, until they are told to stop.
type customers struct {
	dsn     string
	written atomic.Int64
	failed  atomic.Int64
}

func (c *customers) run(ctx context.Context) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var conn *pgx.Conn
	for ctx.Err() == nil {
		if err := c.write(ctx, &conn); err != nil {
			c.failed.Add(1)
		} else {
			c.written.Add(1)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	if conn != nil {
		_ = conn.Close(context.WithoutCancel(ctx)) // the demo ends; nobody waits for a goodbye
	}
}

func (c *customers) write(ctx context.Context, conn **pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if *conn == nil || (*conn).IsClosed() {
		fresh, err := pgx.Connect(ctx, c.dsn)
		if err != nil {
			return err
		}
		*conn = fresh
	}
	if _, err := (*conn).Exec(ctx, `INSERT INTO orders (item) VALUES ('ticket')`); err != nil {
		return fmt.Errorf("order: %w", err)
	}
	return nil
}
