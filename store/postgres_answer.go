package store

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// answerSlack is how much later than its own statement_timeout a server may answer. One that has not answered by then hangs, or its
// machine is gone, and will never end the statement. Most callers have no deadline: they would wait for it for ever, each with a
// connection of the pool, while another server has long taken over.
const answerSlack = 5 * time.Second

// interval reads a time as PostgreSQL writes it in its settings: a number, milliseconds where no unit follows.
// https://www.postgresql.org/docs/15/config-setting.html#CONFIG-SETTING-NAMES-VALUES
func interval(text string) (time.Duration, error) {
	number := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz ")
	unit, known := map[string]time.Duration{
		"": time.Millisecond, "us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "min": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
	}[strings.TrimSpace(text[len(number):])]
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !known {
		return 0, fmt.Errorf("%q is no time; write a number and us, ms, s, min, h or d, such as 10s", text)
	}
	return time.Duration(n * float64(unit)), nil
}

// answers makes connections give up a server that does not answer; it is nil where the statement_timeout is off, which says by
// when one must.
func answers(limit time.Duration) func(context.Context, *pgx.ConnConfig) error {
	if limit <= 0 {
		return nil
	}
	return func(_ context.Context, cfg *pgx.ConnConfig) error {
		dial := cfg.DialFunc
		cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &answering{Conn: conn, limit: limit + answerSlack}, nil
		}
		return nil
	}
}

// answering is a connection on which each read is one of an answer that is due: nobody listens on it for notices.
type answering struct {
	net.Conn
	limit time.Duration

	mu    sync.Mutex
	given bool // the driver has set a deadline of its own, to break off
}

// SetDeadline implements net.Conn.
func (c *answering) SetDeadline(at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given = !at.IsZero()
	return c.Conn.SetDeadline(at)
}

// Read implements net.Conn.
func (c *answering) Read(b []byte) (int, error) {
	if err := c.due(); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c *answering) due() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.given {
		return nil
	}
	return c.SetReadDeadline(time.Now().Add(c.limit))
}
