package postgres_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsman/pointsman/cmd/lab"
)

// wire is a network path to a server that can be slow, or cut as a broken switch cuts it: nothing is refused, and
// nothing arrives.
type wire struct {
	addr string

	mu    sync.Mutex
	delay time.Duration
	cut   bool
	done  chan struct{}
}

func newWire(t testing.TB, to *lab.Postgres) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{addr: listener.Addr().String(), done: make(chan struct{})}
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
			end := sync.OnceFunc(func() { near.Close(); far.Close() })
			wg.Go(func() { w.carry(far, near); end() })
			wg.Go(func() { w.carry(near, far); end() })
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

func (w *wire) carry(to io.Writer, from io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		w.mu.Lock()
		delay, cut := w.delay, w.cut
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
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// through is the server's connection string with the wire's address.
func (w *wire) through(dsn string, server *lab.Postgres) string {
	return strings.Replace(dsn, server.Addr(), w.addr, 1)
}
