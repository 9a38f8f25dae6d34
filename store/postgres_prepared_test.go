package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/lab"
)

// openPostgresStore opens a store on a database of its own.
func openPostgresStore(t *testing.T, parameters string) (*Store, *pgPool) {
	t.Helper()
	s, err := Open(t.Context(), Config{Driver: "postgres", DSN: lab.PostgresDSN(t) + parameters}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	pool, ok := s.db.direct.(pgTx).db.(*pgPool)
	if !ok {
		t.Fatal("the store has no pool")
	}
	return s, pool
}

// store one alert, and fail where it is not stored at the first word.
func alarm(t *testing.T, s *Store, n int) {
	t.Helper()
	_, err := s.Do(t.Context(), pointsman.ReceiveAlerts{
		Key: fmt.Sprint("outage-", n), Title: "an outage", Alerts: []pointsman.Alert{{Fingerprint: "a", Status: pointsman.AlertFiring}},
	})
	if err != nil {
		t.Errorf("alarm %d: %v", n, err)
	}
}

// taught waits until every idle connection can carry out what a webhook needs without preparing or planning it.
func taught(t *testing.T, pool *pgPool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := lab.Await(ctx, func(ctx context.Context) error {
		conns := pool.AcquireAllIdle(ctx)
		defer func() {
			for _, conn := range conns {
				conn.Release()
			}
		}()
		if len(conns) < idle {
			return fmt.Errorf("%d connections are idle, want %d", len(conns), idle)
		}
		for _, conn := range conns {
			var n int
			err := conn.QueryRow(ctx, `SELECT count(DISTINCT statement) FROM pg_prepared_statements
				WHERE (statement LIKE 'INSERT INTO incidents %' OR statement LIKE 'INSERT INTO log %') AND generic_plans > 0 AND custom_plans = 0`).Scan(&n)
			if err != nil || n < 2 {
				return fmt.Errorf("one of %d connections knows and has planned %d of 2 statements: %w", len(conns), n, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPostgres_no_card_waits_for_statements_that_were_used_before: connections come and go while nothing happens, and the
// next incident must not find ones that know nothing.
func TestPostgres_no_card_waits_for_statements_that_were_used_before(t *testing.T) {
	t.Parallel()
	s, pool := openPostgresStore(t, "&pool_health_check_period=1s")
	alarm(t, s, 1)
	taught(t, pool)
	pool.Reset() // as after the hour for which a connection lives
	taught(t, pool)
}

// TestPostgres_forgets_statements_that_the_schema_has_outlived: a newer version of the program may change a column under
// an older one that is still running.
func TestPostgres_forgets_statements_that_the_schema_has_outlived(t *testing.T) {
	t.Parallel()
	s, pool := openPostgresStore(t, "")
	alarm(t, s, 1)
	alarm(t, s, 1)
	taught(t, pool)
	if _, err := s.db.direct.Exec(t.Context(), `ALTER TABLE incidents ALTER COLUMN doc TYPE VARCHAR`); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		alarm(t, s, 1)
	}
}

// TestPostgres_keeps_no_statements_where_the_DSN_says_so, as behind a pooler that cannot keep them.
func TestPostgres_keeps_no_statements_where_the_DSN_says_so(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"exec", "simple_protocol"} {
		s, _ := openPostgresStore(t, "&default_query_exec_mode="+mode+"&pool_max_conns=1")
		alarm(t, s, 1)
		alarm(t, s, 2)
		if _, err := s.State(t.Context(), "INC-1"); err != nil {
			t.Errorf("%s: %v", mode, err)
		}
		var n int
		if err := s.db.direct.QueryRow(t.Context(), `SELECT count(*) FROM pg_prepared_statements`).Scan(&n); err != nil || n > 0 {
			t.Errorf("%s: %d statements are kept, %v", mode, n, err)
		}
	}
}
