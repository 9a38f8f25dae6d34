package postgres

import (
	"context"
	"time"
)

// uncut is a context for work that is worse half done than late: it does not end with ctx, only with ctx's deadline, after
// which a successor may act. Without a deadline it ends after limit.
func uncut(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(limit)
	}
	return context.WithDeadline(context.WithoutCancel(ctx), deadline)
}
