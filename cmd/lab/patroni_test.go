package lab_test

import (
	"context"
	"testing"
	"time"

	"github.com/pointsman/pointsman/cmd/lab"
)

// TestPatroni shows that the cluster is a real one: when its leader is lost, another member takes over.
func TestPatroni(t *testing.T) {
	t.Parallel()
	p, err := lab.StartPatroni(t.Context(), lab.PatroniOptions{Hasty: true, InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	first, err := p.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	err = lab.Await(ctx, func(ctx context.Context) error {
		_, err := p.Leader(ctx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	if err := p.AwaitHealthy(ctx); err != nil {
		t.Errorf("the old leader does not come back as a replica: %v", err)
	}
}
