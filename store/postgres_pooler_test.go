package store

import (
	"testing"

	"github.com/pointsman/pointsman/cmd/lab"
)

// Our own store may stand behind a pooler that is told which parameters of ours to pass over. A version that sends one more
// would start nowhere.
func TestOpenBehindAPoolerThatPassesOverFourParameters(t *testing.T) {
	t.Parallel()
	server := lab.NewPostgres(t, lab.PostgresOptions{Name: "pg-own", InMemory: true})
	pooler := lab.NewPgBouncer(t, lab.PgBouncerOptions{Server: server, Settings: map[string]string{
		"pool_mode":                 "session",
		"ignore_startup_parameters": "extra_float_digits, statement_timeout, lock_timeout, idle_in_transaction_session_timeout",
	}})
	s, err := Open(t.Context(), Config{Driver: "postgres", DSN: pooler.DSN(lab.Superuser, lab.AppDatabase)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	alarm(t, s, 1)
}

// A pooler that keeps prepared statements under names of its own knows none of ours: asked for their plans it says so, and
// that is no reason to make every connection anew, again and again.
func TestPlansThatNobodyMakesCostNoConnection(t *testing.T) {
	t.Parallel()
	s, pool := openPostgresStore(t, "")
	alarm(t, s, 1)
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := pool.Stat().MaxLifetimeDestroyCount() + pool.Stat().MaxIdleDestroyCount()
	pool.used.plan(t.Context(), conn.Conn(), "EXPLAIN EXECUTE stmt_of_nobody(NULL)")
	if conn.Conn().IsClosed() {
		t.Error("the connection is closed")
	}
	conn.Release()
	if after := pool.Stat().MaxLifetimeDestroyCount() + pool.Stat().MaxIdleDestroyCount(); after != before {
		t.Errorf("%d connections were ended", after-before)
	}
	if !pool.used.unplanned.Load() {
		t.Error("the next connection asks again")
	}
	alarm(t, s, 2)
}
