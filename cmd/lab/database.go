package lab

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// shared is the one server behind PostgresDSN. It lives as long as the process, whose end stops it; no test waits for
// a disk, for its durability is not what they prove.
var shared = sync.OnceValues(func() (*Postgres, error) {
	return StartPostgres(context.Background(), PostgresOptions{
		Name: "pg-tests", InMemory: true,
		Settings: map[string]string{
			"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300",
		},
	})
})

var databases atomic.Int64

// PostgresDSN returns a fresh, empty database for one test, owned by the role pointsman, on a server that the test
// process shares; the database goes when the test ends. The test fails when PostgreSQL is not installed.
func PostgresDSN(t TB) string {
	t.Helper()
	server, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test_%d", databases.Add(1))
	admin := server.DSN(Superuser, "postgres")
	run := func(sql string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), startLimit)
		defer cancel()
		if err := execOn(ctx, admin, sql); err != nil {
			t.Fatal(fmt.Errorf("%s: %w", sql, err))
		}
	}
	run("CREATE DATABASE " + name + " OWNER " + Pointsman)
	t.Cleanup(func() { run("DROP DATABASE " + name + " WITH (FORCE)") })
	return server.DSN(Pointsman, name)
}

// NewPostgres starts a server for one test and closes it when the test ends.
func NewPostgres(t TB, options PostgresOptions) *Postgres {
	t.Helper()
	server, err := StartPostgres(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
	})
	return server
}

// NewPair starts a pair for one test and closes it when the test ends: in memory, unless OnDisk says otherwise.
func NewPair(t TB, options PairOptions) *Pair {
	t.Helper()
	options.InMemory = !options.OnDisk
	pair, err := StartPair(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pair.Close(); err != nil {
			t.Fatal(err)
		}
	})
	return pair
}
