package postgres_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsman/pointsman/cmd/lab"
)

// wire is a network path to a server that can be slow, or cut as a broken switch cuts it: nothing is refused, and
// nothing arrives.
type wire struct {
	addr   string
	opened atomic.Int32 // connections that were ever made
	open   atomic.Int32 // of these, still there

	mu    sync.Mutex
	delay time.Duration
	cut   bool
	deaf  int32 // connections up to this one carry nothing any more
	close func() error
	done  chan struct{}
}

func newWire(t testing.TB, to *lab.Postgres) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{addr: listener.Addr().String(), close: listener.Close, done: make(chan struct{})}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to.Addr())
			if err != nil {
				near.Close()
				continue
			}
			n := w.opened.Add(1)
			w.open.Add(1)
			end := sync.OnceFunc(func() { near.Close(); far.Close(); w.open.Add(-1) })
			wg.Go(func() { w.carry(n, far, near); end() })
			wg.Go(func() { w.carry(n, near, far); end() })
			wg.Go(func() { <-w.done; end() })
		}
	})
	t.Cleanup(func() { listener.Close(); close(w.done); wg.Wait() })
	return w
}

func (w *wire) set(delay time.Duration, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delay, w.cut = delay, cut
}

// deafen cuts the connections that are open, as a broken switch does, and leaves new ones alone.
func (w *wire) deafen() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deaf = w.opened.Load()
}

// refuse takes no connections any more, as the machine of a dead server does.
func (w *wire) refuse() { _ = w.close() }

func (w *wire) carry(n int32, to io.Writer, from io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		got, err := from.Read(buf)
		if err != nil {
			return
		}
		w.mu.Lock()
		delay, cut := w.delay, w.cut || n <= w.deaf
		w.mu.Unlock()
		if cut {
			continue
		}
		if delay > 0 {
			late := time.NewTimer(delay)
			select {
			case <-w.done:
				return
			case <-late.C:
			}
		}
		if _, err := to.Write(buf[:got]); err != nil {
			return
		}
	}
}

// through is the server's connection string with the wire's address.
func (w *wire) through(dsn string, server *lab.Postgres) string {
	return strings.Replace(dsn, server.Addr(), w.addr, 1)
}
