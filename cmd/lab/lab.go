// Package lab starts real servers on this machine: PostgreSQL, alone or as a primary with streaming standbys,
// a Patroni cluster with its etcd, PgBouncer, and Alertmanager. Tests, benchmarks and the demo use it, so that what they show is what happens.
//
// Everything listens on 127.0.0.1 only and lives in one temporary folder per server. Close stops it and removes the
// folder; when the process that started it dies first, however it dies, the kernel and a small janitor do the same.
// Nothing here is part of a running Pointsman.
package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// TB is the part of testing.TB that the helpers for tests need. It is spelled out here so that the demo, which links
// this package too, does not carry package testing.
type TB interface {
	Helper()
	Fatal(args ...any)
	Cleanup(f func())
}

// startLimit bounds the start of one server when the caller's context has no deadline of its own.
const startLimit = time.Minute

// pollEvery is short because tests and the demo wait for many small facts, one after the other.
const pollEvery = 10 * time.Millisecond

// Await calls fact every 10 ms until it returns nil. When ctx ends first, it returns fact's last error and ctx's.
func Await(ctx context.Context, fact func(context.Context) error) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		err := fact(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

// Ports below the range from which Linux and macOS take the source ports of connections: a port from that range could
// be taken by any client between the moment it is found free and the moment the server binds it.
const firstPort, lastPort = 20000, 32000

// given are the ports that this process was given: one that is free because its server is being restarted is not
// given to another test meanwhile.
var given sync.Map

// FreePort returns a TCP port on 127.0.0.1 that nobody listens on at the moment, and each port once, also where the tests of
// several packages run beside each other.
func FreePort() (int, error) {
	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			return 0, fmt.Errorf("port %d: %w", port, err)
		}
		if _, twice := given.LoadOrStore(port, true); !twice && reserved(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port on 127.0.0.1 between %d and %d after 100 tries", firstPort, lastPort)
}

// bounded gives ctx the limit for starting a server, unless the caller has set one.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, startLimit)
}
