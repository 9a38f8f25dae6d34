package dsn

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// HeadStart is what a server has for itself before the next one of the address is asked beside it. One that is near has answered
// by then, and no other logs a connection that was broken off.
const HeadStart = 100 * time.Millisecond

// maxDeference bounds how long a server that answers waits for one that is named before it.
const maxDeference = time.Second

// Beside opens a session as the driver does, but asks the servers of the address beside each other: one that hangs, or is far away,
// takes nothing of the time of the next one. Of those that are what the address asks for the first one named counts, so that
// of two primaries it is the same one each time; it has half of the time for that.
func Beside(ctx context.Context, cfg *pgx.ConnConfig) (conn *pgx.Conn, err error) {
	servers := apart(cfg)
	if len(servers) == 1 {
		return pgx.ConnectConfig(ctx, cfg)
	}
	asked, stop := context.WithCancel(ctx)
	a := &asking{servers: servers, known: make([]*reply, len(servers)), replies: make(chan reply)}
	defer func() {
		stop()
		a.leave(asked, conn)
	}()
	deference := time.NewTimer(deferenceOf(ctx))
	defer deference.Stop()
	next := time.NewTicker(HeadStart)
	defer next.Stop()
	over := false
	a.ask(asked)
	for {
		select {
		case r := <-a.replies:
			a.ended++
			a.known[r.place] = &r
			if r.err != nil {
				a.ask(asked)
			}
		case <-next.C:
			a.ask(asked)
		case <-deference.C:
			over = true
		}
		if taken := a.best(over); taken != nil {
			return taken, nil
		}
		if a.ended == len(servers) {
			return nil, a.failed()
		}
	}
}

func deferenceOf(ctx context.Context) time.Duration {
	if end, limited := ctx.Deadline(); limited {
		return min(time.Until(end)/2, maxDeference)
	}
	return maxDeference
}

// apart is the address as one for each of its servers, with TLS and without.
func apart(cfg *pgx.ConnConfig) []*pgx.ConnConfig {
	ways := append([]*pgconn.FallbackConfig{{Host: cfg.Host, Port: cfg.Port, TLSConfig: cfg.TLSConfig}}, cfg.Fallbacks...)
	var out []*pgx.ConnConfig
	for _, at := range Hosts(cfg) {
		var own []*pgconn.FallbackConfig
		for _, w := range ways {
			if addr(w.Host, w.Port) == at {
				own = append(own, w)
			}
		}
		one := cfg.Copy()
		one.Host, one.Port, one.TLSConfig, one.Fallbacks = own[0].Host, own[0].Port, own[0].TLSConfig, own[1:]
		out = append(out, one)
	}
	return out
}

// asking is one question to several servers.
type asking struct {
	servers      []*pgx.ConnConfig // in the order of the address
	known        []*reply          // by the same place
	replies      chan reply
	begun, ended int
}

type reply struct {
	place int
	conn  *pgx.Conn
	err   error
}

// ask begins with the next server, where there is one more.
func (a *asking) ask(ctx context.Context) {
	if a.begun == len(a.servers) {
		return
	}
	place := a.begun
	a.begun++
	go func() {
		conn, err := pgx.ConnectConfig(ctx, a.servers[place])
		a.replies <- reply{place, conn, err}
	}()
}

// best is the session to take, nil while one before it may come yet and its time is not over.
func (a *asking) best(over bool) *pgx.Conn {
	for _, r := range a.known {
		switch {
		case r == nil && !over:
			return nil
		case r != nil && r.err == nil:
			return r.conn
		}
	}
	return nil
}

// leave waits for those that were broken off and closes every session but the one that is taken. The context has ended, so nobody
// who hangs is waited for.
func (a *asking) leave(ended context.Context, taken *pgx.Conn) {
	for ; a.ended < a.begun; a.ended++ {
		r := <-a.replies
		a.known[r.place] = &r
	}
	for _, r := range a.known {
		if r != nil && r.conn != nil && r.conn != taken {
			_ = r.conn.Close(ended) // nothing was asked through it
		}
	}
}

// failed is what each of them said.
func (a *asking) failed() error {
	var all nobody
	for _, r := range a.known {
		all = append(all, r.err)
	}
	return all
}

// nobody says in one line why no server of an address could be taken.
type nobody []error

func (n nobody) Error() string {
	var said []string
	for _, err := range n {
		said = append(said, err.Error())
	}
	return strings.Join(said, "; ")
}

func (n nobody) Unwrap() []error { return n }
