package patroni

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pointsman/pointsman"
)

// TestUnanswered: of all that can go wrong at the clients' address, only a closed door says that nobody takes writes there.
func TestUnanswered(t *testing.T) {
	t.Parallel()
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	code := func(code string) error { return &pgconn.PgError{Code: code, Message: "no"} }
	for name, c := range map[string]struct {
		err  error
		want string // what becomes of the failover
	}{
		"refused":                  {refused, "goes on"},
		"proxy_without_a_server":   {io.ErrUnexpectedEOF, "goes on"},
		"standbys_of_a_list":       {errors.Join(refused, pgconn.ErrReadOnlyConnection), "goes on"},
		"silence":                  {context.DeadlineExceeded, "asks"},
		"one_of_a_list_is_silent":  {errors.Join(refused, context.DeadlineExceeded, pgconn.ErrReadOnlyConnection), "asks"},
		"no_way_there":             {&net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, "asks"},
		"pooler_without_a_server":  {code("08P01"), "asks"},
		"all_connections_taken":    {code("53300"), "refuses"},
		"wrong_password":           {code("28P01"), "refuses"},
		"missing_table":            {code("42P01"), "refuses"},
		"starting":                 {code("57P03"), "refuses"},
		"one_of_a_list_is_full":    {errors.Join(context.DeadlineExceeded, code("53300"), refused), "refuses"},
		"name_that_nobody_knows":   {&net.DNSError{Err: "no such host", IsNotFound: true}, "refuses"},
		"unknown_authority":        {errors.New("x509: certificate signed by unknown authority"), "refuses"},
		"unknown_beside_a_silence": {errors.Join(context.DeadlineExceeded, errors.New("x509"), refused), "refuses"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := worst(pointsman.Fact{Guard: "G1", Kind: pointsman.Hard, Name: "clients' address"}, told(fmt.Errorf("connect: %w", c.err), ""))
			got := "goes on"
			switch {
			case len(pointsman.Refusals([]pointsman.Fact{f})) > 0:
				got = "refuses"
			case f.NeedsAcknowledgement():
				got = "asks"
			}
			if got != c.want || (got != "goes on" && (f.Text == "" || f.Clears == "")) {
				t.Errorf("it %s, want that it %s: %+v", got, c.want, f)
			}
		})
	}
}

// TestSigns: that nobody holds the key says nothing of a server whose Patroni died.
func TestSigns(t *testing.T) {
	t.Parallel()
	of := func(dsn string, versions ...string) pointsman.Fact {
		s := Situation{Cluster: Cluster{Clients: Clients{DSN: dsn}}}
		for i, v := range versions {
			r := Reading{Member: fmt.Sprintf("pg-%d", i+1)}
			r.Self.Patroni.Version = v
			s.Readings = append(s.Readings, r)
		}
		return s.signs()
	}
	if f := of("host=127.0.0.1", "3.1.0", "4.0.5"); f.Result != pointsman.Pass {
		t.Errorf("both are looked for: %+v", f)
	}
	for want, f := range map[string]pointsman.Fact{
		"Patroni 3.0.2 of pg-2 does not tell": of("host=127.0.0.1", "3.3.0", "3.0.2"),
		"Patroni (unknown) of pg-1":           of("host=127.0.0.1", ""),
		"no clients' address is configured":   of("", "3.1.0"),
	} {
		if !f.NeedsAcknowledgement() || !strings.Contains(f.Text, want) {
			t.Errorf("want that somebody is asked because %s: %+v", want, f)
		}
	}
}

// TestClients_of_several_servers_that_take_the_first_say_nothing_of_the_others: the first that answers may be a standby, and the old
// leader, which lives without its Patroni, the second.
func TestClients_of_several_servers_that_take_the_first_say_nothing_of_the_others(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]bool{
		"postgres://p@db-1,db-2/app":                                     true,
		"postgres://p@db-1,db-2/app?target_session_attrs=any":            true,
		"postgres://p@db-1,db-2/app?target_session_attrs=standby":        true,
		"postgres://p@db-1,db-2/app?target_session_attrs=read-only":      true,
		"postgres://p@db-1,db-2/app?target_session_attrs=prefer-standby": true,
		"postgres://p@db-1,db-2/app?target_session_attrs=read-write":     false,
		"postgres://p@db-1,db-2/app?target_session_attrs=primary":        false,
		"postgres://p@db-1/app":                                          false,
		"":                                                               false,
	} {
		if got := (Clients{DSN: dsn}).takesAny(); got != want {
			t.Errorf("%s: %t", dsn, got)
		}
	}
}
