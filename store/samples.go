package store

import (
	"context"
	"fmt"
)

// PutSample keeps what a replica knows of a node of a cluster, for the other replicas. What it says is the caller's
// matter; the newest to be put stays.
func (s *Store) PutSample(ctx context.Context, cluster, node string, doc []byte) error {
	_, err := s.db.direct.Exec(ctx, `INSERT INTO samples (cluster, node, at, doc) VALUES ($1, $2, $3, $4)
		ON CONFLICT (cluster, node) DO UPDATE SET at = excluded.at, doc = excluded.doc`, indexed(cluster), indexed(node), micros(s.Now()), string(doc))
	if err != nil {
		return fmt.Errorf("sample of %s: %w", node, err)
	}
	return nil
}

// Samples returns what is known of a cluster's nodes, the newest first.
func (s *Store) Samples(ctx context.Context, cluster string) ([][]byte, error) {
	docs, err := list(ctx, s.db.reads, text, `SELECT doc FROM samples WHERE cluster = $1 ORDER BY at DESC`, indexed(cluster))
	if err != nil {
		return nil, fmt.Errorf("samples of %s: %w", cluster, err)
	}
	out := make([][]byte, len(docs))
	for i, d := range docs {
		out[i] = []byte(d)
	}
	return out, nil
}
