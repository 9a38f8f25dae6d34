package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// noNotice is after how long without a notice the server is asked whether it is there.
const noNotice = 30 * time.Second

// listen waits for notices on a connection of its own, until it is lost or the server does not answer on it.
func listen(ctx context.Context, cfg *pgx.ConnConfig, self string, quiet time.Duration, heard func(Tail)) error {
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := asked(ctx, func(ctx context.Context) error {
		_, err := conn.Exec(ctx, `LISTEN `+channel)
		return err
	}); err != nil {
		return err
	}
	heard(Tail{}) // whatever was committed before LISTEN took effect
	for {
		n, err := next(ctx, conn, quiet)
		if err != nil {
			return err
		}
		if who, end := readNotice(n.Payload); who != self {
			heard(end)
		}
	}
}

// next is the next notice. A server that hangs keeps its connections: whoever only waits for what it says would stay with it
// unnoticed, while the pool has gone on to the next host, and hear nothing of the other replicas.
func next(ctx context.Context, conn *pgx.Conn, quiet time.Duration) (*pgconn.Notification, error) {
	for {
		wait, cancel := context.WithTimeout(ctx, quiet)
		n, err := conn.WaitForNotification(wait)
		cancel()
		if err == nil || ctx.Err() != nil || !pgconn.Timeout(err) {
			return n, err
		}
		if err := asked(ctx, conn.Ping); err != nil { // what comes before its answer is kept for the next look
			return nil, err
		}
	}
}

// asked asks the server that sends the notices, which has answerSlack for it.
func asked(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, answerSlack)
	defer cancel()
	if err := ask(ctx); err != nil {
		return fmt.Errorf("the server that should send them does not answer: %w", err)
	}
	return nil
}
