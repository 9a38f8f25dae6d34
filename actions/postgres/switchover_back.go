package postgres

import (
	"context"
	"fmt"
	"sync"
)

// back starts the old primary again where the switch could not be made. Nothing was promoted, and the candidate is
// asked once more before. It may outlast hold, for which nobody waits, and never the step: a successor may promote then.
// The hook is asked also where the old primary serves or says nothing: a stop may be on its way to it yet, and is given up by that.
func (s *swapping) back(ctx context.Context) error {
	ctx, cancel := uncut(ctx, s.times.hold)
	defer cancel()
	var was, candidate Reading
	var wg sync.WaitGroup
	wg.Go(func() { was = s.see(ctx, s.old) })
	wg.Go(func() { candidate = s.see(ctx, s.candidate) })
	wg.Wait()
	if candidate.State != Standby {
		if was.State == Writable {
			return nil
		}
		return fmt.Errorf("%s is not started again: %s %s%s", s.old, s.candidate, candidate.State.Words(), detail(candidate.Detail))
	}
	if _, err := s.task(nodeAgain).run(ctx); err != nil {
		return err
	}
	// The hook finds a server that ends no less than one that serves, and people read this at the clients' expense.
	switch r := s.see(ctx, s.old); {
	case r.State != Writable:
		return fmt.Errorf("%s was to be started again as the primary and %s%s", s.old, r.State.Words(), detail(r.Detail))
	case was.State == Writable:
		return nil
	}
	return fmt.Errorf("%s was started again as the primary", s.old)
}

// see looks at one node, for no longer than any look: the rest of the step's time is for what is to be done.
func (s *swapping) see(ctx context.Context, node string) Reading {
	limit := budget(ctx, s.Cluster.ReadTimeout)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	n, _ := s.Cluster.node(node)
	r, conn := n.read(ctx, s.Cluster.HeartbeatTable)
	discard(conn)
	return r.hasty(limit, s.Cluster.ReadTimeout)
}
