package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman/cmd/lab"
)

// shop is clients that pay all the time through the clients' address. Each pays a payment once: what it was not told of, it
// does not repeat. None gives up a statement, so one that met a server which hangs waits for as long as that hangs.
type shop struct {
	*stage
	dsn  string
	stop func()
	ctx  context.Context
	open sync.WaitGroup
	next atomic.Int64

	mu   sync.Mutex
	told map[int][]int64 // the payments that a server said yes to, by its port
}

// hurried is an address as a client has it that goes on to the next host after a second.
func hurried(dsn string) string {
	return strings.Replace(dsn, "connect_timeout=5", "connect_timeout=1", 1)
}

// opens lets so many clients pay, until the story ends.
func (s *stage) opens(clients int) *shop {
	s.t.Helper()
	s.exec(s.pair.Primary, "CREATE TABLE payments (id bigint PRIMARY KEY); GRANT ALL ON payments TO app")
	p := &shop{stage: s, dsn: hurried(s.pair.ClientDSN(lab.App)), told: map[int][]int64{}}
	ctx, cancel := context.WithCancel(context.Background())
	p.ctx, p.stop = ctx, func() { cancel(); p.open.Wait() }
	s.t.Cleanup(p.stop)
	for range clients {
		p.comes()
	}
	p.sells(s.pair.Primary, 20)
	return p
}

// comes is one more client.
func (p *shop) comes() {
	p.open.Go(func() {
		again := time.NewTicker(50 * time.Millisecond)
		defer again.Stop()
		for p.ctx.Err() == nil {
			_ = p.visit() // nobody takes writes, or the server died: it comes again
			<-again.C
		}
	})
}

// visit pays over one connection until it breaks.
func (p *shop) visit() error {
	conn, err := pgx.Connect(p.ctx, p.dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	think := time.NewTicker(20 * time.Millisecond)
	defer think.Stop()
	for {
		var port int
		id := p.next.Add(1)
		if err := conn.QueryRow(p.ctx, "INSERT INTO payments VALUES ($1) RETURNING inet_server_port()", id).Scan(&port); err != nil {
			return err
		}
		p.mu.Lock()
		p.told[port] = append(p.told[port], id)
		p.mu.Unlock()
		<-think.C
	}
}

// yes are the payments that the server said yes to.
func (p *shop) yes(by *lab.Postgres) []int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.told[by.Port])
}

// sells waits until the server has said yes so many times more.
func (p *shop) sells(by *lab.Postgres, more int) {
	p.t.Helper()
	before := len(p.yes(by))
	p.await(fmt.Sprintf("%s takes %d payments more", by.Name, more), func() error {
		if n := len(p.yes(by)) - before; n < more {
			return fmt.Errorf("it took %d", n)
		}
		return nil
	})
}

// kept holds what the server said yes to against what it has.
func (p *shop) kept(by *lab.Postgres) {
	p.t.Helper()
	var has []int64
	if err := p.ask(by.SuperuserDSN(), "SELECT array_agg(id) FROM payments", &has); err != nil {
		p.t.Fatal(err)
	}
	said := p.yes(by)
	lost := slices.DeleteFunc(slices.Clone(said), func(id int64) bool { return slices.Contains(has, id) })
	if len(lost) > 0 || len(said) == 0 {
		p.t.Errorf("%s said yes to %d payments and has lost %d of them: %v", by.Name, len(said), len(lost), lost)
	}
}
