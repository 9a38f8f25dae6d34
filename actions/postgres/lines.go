package postgres

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// keptFor is how long after it was opened a connection serves further looks: about one failover. A name that leads to
	// another server by now is followed by then.
	keptFor = 5 * time.Second
	// keptMost is how many are kept of one node: looks of a run and of the watch may meet.
	keptMost = 2
	// keptPatience is how long an open connection is waited for before a new one is asked.
	keptPatience = 250 * time.Millisecond
	// dyingLooks is how often a node that is not reached is asked again at once, dyingRest how long after. Whether it is only
	// silent or stopped makes one approver more or less.
	dyingLooks = 3
	dyingRest  = 50 * time.Millisecond
)

// lines are connections that looks leave open for the looks that follow: a new server process and its login are most of
// what a look costs. What an open connection answers is the server's word of this moment. What it does not answer says
// nothing about the node: then a new connection is asked, and only that one tells how a node is gone.
type lines struct {
	mu   sync.Mutex
	idle map[string][]*line // by connection string, which a rotated file changes
}

type line struct {
	conn *pgx.Conn
	over *time.Timer // closes it
}

// openedKey is where a connection carries the time at which it was opened.
const openedKey = "pointsman.opened"

// read asks one node over a connection that is still open, or else over a new one, and returns the connection where the
// node answered. Give it back with keep.
func (l *lines) read(ctx context.Context, n Node, table string) (Reading, *pgx.Conn) {
	asked := time.Now()
	if conn := l.take(n); conn != nil {
		r := Reading{Node: n.Name, Addr: n.addr()}
		if err := r.askSoon(ctx, conn, table); err == nil {
			r.At = time.Now()
			return r, conn
		}
		for ; conn != nil; conn = l.take(n) { // the others are as old
			discard(conn)
		}
	}
	r, conn := n.read(ctx, table)
	for range dyingLooks { // a server that is being killed drops whom it accepts, and refuses them a moment later
		if conn != nil || r.State != Unreachable || !rested(ctx, dyingRest) {
			break
		}
		asked = time.Now()
		r, conn = n.read(ctx, table)
	}
	if conn == nil {
		r.At = asked
		return r, nil
	}
	conn.PgConn().CustomData()[openedKey] = r.At
	return r, conn
}

// rested waits, and reports whether there is time left.
func rested(ctx context.Context, d time.Duration) bool {
	rest := time.NewTimer(d)
	defer rest.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-rest.C:
		return true
	}
}

// askSoon leaves enough of the caller's time for a new connection.
func (r *Reading) askSoon(ctx context.Context, conn *pgx.Conn, table string) error {
	patience := keptPatience
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline)/4)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return r.ask(ctx, conn, table)
}

func (l *lines) take(n Node) *pgx.Conn {
	cfg, err := n.config()
	if err != nil {
		return nil // a new connection says it
	}
	key := cfg.ConnString()
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.idle[key]) > 0 {
		last := len(l.idle[key]) - 1
		got := l.idle[key][last]
		l.idle[key] = l.idle[key][:last]
		if got.over.Stop() {
			return got.conn
		}
	}
	return nil
}

// keep leaves a connection open for the next look, or closes it where it is too old, broken or one too many.
func (l *lines) keep(conn *pgx.Conn) {
	if conn == nil {
		return
	}
	opened, _ := conn.PgConn().CustomData()[openedKey].(time.Time)
	left, key := time.Until(opened.Add(keptFor)), conn.Config().ConnString()
	l.mu.Lock()
	defer l.mu.Unlock()
	if left <= 0 || conn.PgConn().TxStatus() != 'I' || conn.IsClosed() || len(l.idle[key]) >= keptMost {
		discard(conn)
		return
	}
	if l.idle == nil {
		l.idle = map[string][]*line{}
	}
	fresh := &line{conn: conn}
	fresh.over = time.AfterFunc(left, func() { l.drop(key, fresh) })
	l.idle[key] = append(l.idle[key], fresh)
}

// drop closes a connection whose time is over.
func (l *lines) drop(key string, old *line) {
	l.mu.Lock()
	l.idle[key] = slices.DeleteFunc(l.idle[key], func(k *line) bool { return k == old })
	l.mu.Unlock()
	discard(old.conn)
}
