package postgres

import (
	"context"
	"time"
)

// inspectWait bounds the question to the node hook before a switchover. It may be an ssh.
const inspectWait = 5 * time.Second

// inquiry is a question to the node hook beside the look at the nodes. Behind it, a node that swallows packets would leave the hook a
// fraction of a check's time.
type inquiry struct {
	cluster Cluster
	node    string
	had     time.Duration // the time for the answer
	cancel  context.CancelFunc
	done    chan struct{}
	found   Inspection
	err     error
}

// inquire asks about the node; without one, or without a hook, nothing.
func (c Cluster) inquire(ctx context.Context, node string) *inquiry {
	if node == "" || len(c.NodeHook.Command) == 0 {
		return nil
	}
	q := &inquiry{cluster: c, node: node, had: budget(ctx, inspectWait), done: make(chan struct{})}
	ctx, q.cancel = context.WithTimeout(ctx, q.had)
	go func() {
		defer close(q.done)
		q.found, q.err = c.inspect(ctx, node, Reading{})
	}()
	return q
}

// about waits for the answer; of another node than was asked about it asks now.
func (q *inquiry) about(ctx context.Context, c Cluster, node string) *inquiry {
	if q == nil || q.node != node {
		q = c.inquire(ctx, node)
		defer q.end()
	}
	<-q.done
	return q
}

// end gives up what nobody waits for any more.
func (q *inquiry) end() {
	if q != nil {
		q.cancel()
		<-q.done
	}
}

// expected is whom a switchover will most likely ask about: the primary of the last look, unless the plan means another one.
func (m *memory) expected(cluster, wished string) string {
	switch seen := m.of(cluster).Primary; {
	case wished == "" || seen == wished:
		return seen
	case seen == "":
		return wished
	}
	return ""
}
