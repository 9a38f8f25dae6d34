package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Shelf is where replicas leave their samples for each other.
type Shelf interface {
	// PutSample keeps a cluster's sample as one of the node's, in place of what was there.
	PutSample(ctx context.Context, cluster, node string, doc []byte) error
	// Samples returns the newest of each node.
	Samples(ctx context.Context, cluster string) ([][]byte, error)
}

// shareEvery is how old what the others know of this replica's samples may be, where samples are not taken more often.
const shareEvery = time.Second

// Sharer passes the samples between replicas. A promotion that another replica takes over could otherwise not be held
// against the loss that was approved: a replica that was started after the primary's death has never seen it, and one
// that looked a second earlier would tell a larger loss. The file of Clusters.Keep does the same for one process alone.
type Sharer struct {
	Clusters *Clusters
	Shelf    Shelf
}

// Fetch learns what other replicas have left. Call it before anything is judged.
func (s Sharer) Fetch(ctx context.Context) error {
	for _, cluster := range s.Clusters.names {
		docs, err := s.Shelf.Samples(ctx, cluster)
		if err != nil {
			return fmt.Errorf("samples of %s: %w", cluster, err)
		}
		for _, doc := range docs {
			var k kept
			if err := json.Unmarshal(doc, &k); err != nil {
				return fmt.Errorf("samples of %s: %w", cluster, err)
			}
			s.Clusters.samples.adopt(cluster, k)
		}
	}
	return nil
}

// Run passes samples on until the context ends. A store in trouble holds up nobody: what this replica saw it keeps.
func (s Sharer) Run(ctx context.Context) error {
	every := shareEvery // a sample that is passed on much later than it was taken is too old to bound a loss
	for _, name := range s.Clusters.names {
		every = min(every, s.Clusters.byName[name].SampleEvery)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := s.once(ctx); err != nil && ctx.Err() == nil {
			s.Clusters.log.Debug("samples not shared", "err", err)
		}
	}
}

func (s Sharer) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*shareEvery)
	defer cancel()
	if err := s.Fetch(ctx); err != nil { // first, so that no better sample of a dead replica is overwritten
		return err
	}
	for _, cluster := range s.Clusters.names {
		k, known := s.Clusters.samples.kept(cluster)
		if !known {
			continue
		}
		doc, err := json.Marshal(k)
		if err != nil {
			return err
		}
		if err := s.Shelf.PutSample(ctx, cluster, k.Primary, doc); err != nil {
			return err
		}
	}
	return nil
}

// kept is what this replica knows of a cluster, as it is passed on.
func (m *memory) kept(cluster string) (kept, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.last[cluster]
	return s.kept(m.seen[cluster]), s.Known() && !m.seen[cluster].IsZero()
}

// adopt takes another replica's sample if it knows more: a later position of the same primary, or a later primary.
func (m *memory) adopt(cluster string, k kept) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, theirs := m.last[cluster], k.sample(m.now())
	same := known.Primary == theirs.Primary && known.SystemID == theirs.SystemID && known.Timeline == theirs.Timeline
	switch {
	case !theirs.Known(), known.Known() && known.SystemID != theirs.SystemID:
		return
	case same && theirs.LSN == known.LSN && known.LostAt.IsZero() && !theirs.LostAt.IsZero() && !theirs.At.Before(known.At):
	case same && theirs.LSN == known.LSN && known.Silent && !theirs.LostAt.IsZero() && !theirs.Silent && !theirs.At.Before(known.At): // it saw it stop
	case same && theirs.LSN <= known.LSN, !same && known.Known() && !theirs.At.After(known.At):
		return
	}
	m.last[cluster] = theirs // not through set: the file holds what this host saw
}
