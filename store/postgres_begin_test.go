package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pointsman/pointsman/cmd/lab"
)

// held fails where a connection does not come back into the pool. The pool's own look at what is idle takes it for a moment, too.
func (p *pgPool) held(t *testing.T, after string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := lab.Await(ctx, func(context.Context) error {
		if n := p.Stat().AcquiredConns(); n > 0 {
			return fmt.Errorf("%d connections are taken", n)
		}
		return nil
	}); err != nil {
		t.Errorf("not given back after %s: %v", after, err)
	}
}

// TestPostgres_a_transaction_that_fails_at_its_first_statement_keeps_no_connection: the beginning travels with that
// statement, so each way to fail there is its own.
func TestPostgres_a_transaction_that_fails_at_its_first_statement_keeps_no_connection(t *testing.T) {
	t.Parallel()
	s, pool := openPostgresStore(t, "&pool_max_conns=1") // the next one gets what this one leaves
	const none, wrong, one = `SELECT seq FROM log_head WHERE id = 2`, `SELECT seq / 0 FROM log_head`, `SELECT id FROM log_head`
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, first := range map[string]func(tx Tx) error{
		"nothing at all": func(Tx) error { return nil },
		"no row": func(tx Tx) error {
			err := tx.QueryRow(t.Context(), none).Scan(new(int64))
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			return errors.Join(errors.New("no row was not told"), err)
		},
		"a row":         func(tx Tx) error { return tx.QueryRow(t.Context(), one).Scan(new(int64)) },
		"a wrong row":   func(tx Tx) error { return refused(tx.QueryRow(t.Context(), wrong).Scan(new(int64))) },
		"a wrong text":  func(tx Tx) error { return refused(tx.QueryRow(t.Context(), `SELEKT`).Scan(new(int64))) },
		"a wrong batch": func(tx Tx) error { return refused(send(t.Context(), tx, batch{{sql: wrong}, {sql: wrong}})) },
		"a wrong update": func(tx Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE log_head SET seq = NULL`)
			return refused(err)
		},
		"a wrong list": func(tx Tx) error {
			_, err := list(t.Context(), tx, text, `SELECT 1 / (id - id) FROM log_head`)
			return refused(err)
		},
		"a caller who left": func(tx Tx) error { return refused(tx.QueryRow(gone, one).Scan(new(int64))) },
	} {
		tx, err := s.db.begin(t.Context())
		if err != nil {
			t.Fatalf("before %s: %v", name, err)
		}
		if err := first(tx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		tx.Rollback(t.Context())
		pool.held(t, name)
		alarm(t, s, 1)
	}
}

// refused turns an error into none, and none into one.
func refused(err error) error {
	if err == nil {
		return errors.New("it was carried out")
	}
	return nil
}

// TestPostgres_a_glance_leaves_nothing_open, also where one of its reads fails in the middle.
func TestPostgres_a_glance_leaves_nothing_open(t *testing.T) {
	t.Parallel()
	s, pool := openPostgresStore(t, "&pool_max_conns=1")
	for name, b := range map[string]batch{
		"reads":                        {{sql: `SELECT id FROM log_head`, each: func(r Row) error { return r.Scan(new(int64)) }}},
		"a read that fails":            {{sql: `SELECT id FROM log_head`}, {sql: `SELECT 1 / (id - id) FROM log_head`}, {sql: `SELECT 2`}},
		"a row that is not understood": {{sql: `SELECT id FROM log_head`, each: func(Row) error { return errors.New("what is this") }}, {sql: `SELECT 3`}},
		"a write":                      {{sql: `UPDATE log_head SET seq = 7`}},
	} {
		err := s.db.glance(t.Context(), b)
		if (name == "reads") != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
		pool.held(t, name)
	}
	if n := logged(t, s); n != 0 {
		t.Errorf("a glance made the log %d entries long", n)
	}
}

func logged(t *testing.T, s *Store) (n int64) {
	t.Helper()
	if err := s.db.direct.QueryRow(t.Context(), `SELECT seq FROM log_head`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestPostgres_a_transaction_sees_what_was_committed_after_it_was_taken: it begins with its first statement.
func TestPostgres_a_transaction_sees_what_was_committed_after_it_was_taken(t *testing.T) {
	t.Parallel()
	s, _ := openPostgresStore(t, "")
	tx, err := s.db.view(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	alarm(t, s, 1)
	for range 2 {
		var n int64
		if err := tx.QueryRow(t.Context(), `SELECT count(*) FROM incidents`).Scan(&n); err != nil || n != 1 {
			t.Errorf("%d incidents, %v; want 1", n, err)
		}
		alarm(t, s, 2)
	}
}

// TestStore_a_panic_in_a_decision_keeps_no_connection: the web server survives it, and Alertmanager sends the webhook again
// and again.
func TestStore_a_panic_in_a_decision_keeps_no_connection(t *testing.T) {
	t.Parallel()
	s, pool := openPostgresStore(t, "&pool_max_conns=1")
	for range 3 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("nobody is told of the panic")
				}
			}()
			_ = s.transact(t.Context(), func(w *work) error {
				if err := w.QueryRow(t.Context(), `SELECT id FROM log_head`).Scan(new(int64)); err != nil {
					t.Error(err)
				}
				panic("an alert that nobody thought of")
			})
		}()
		pool.held(t, "a panic")
	}
	alarm(t, s, 1)
}
