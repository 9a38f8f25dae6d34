package store

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pointsman/pointsman/cmd/lab"
)

// The own database was failed over, and its old primary hangs: the kernel holds the connection, and no notice ever comes on it. A
// server that has merely nothing to say is not left for that, nor is a notice missed while it is asked.
func TestPostgres_notices_are_not_waited_for_from_a_server_that_hangs(t *testing.T) {
	t.Parallel()
	server := lab.NewPostgres(t, lab.PostgresOptions{Name: "pg-own", InMemory: true})
	cfg, err := pgx.ParseConfig(server.DSN(lab.Superuser, lab.AppDatabase))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	heard, ended := make(chan Tail), make(chan error, 1)
	go func() {
		ended <- listen(ctx, cfg, "us", 20*time.Millisecond, func(end Tail) {
			select {
			case heard <- end:
			case <-ctx.Done():
			}
		})
	}()
	await := func(seq int64) {
		t.Helper()
		select {
		case end := <-heard:
			if end.Seq != seq {
				t.Fatalf("heard of entry %d, want %d", end.Seq, seq)
			}
		case err := <-ended:
			t.Fatal(err)
		case <-ctx.Done():
			t.Fatalf("not heard of entry %d", seq)
		}
	}
	await(0)
	for seq := range int64(5) {
		if err := server.Exec(ctx, `SELECT pg_sleep(0.05), pg_notify('`+channel+`', '`+notice("them", Tail{Seq: seq + 1, Hash: "h"})+`')`); err != nil {
			t.Fatal(err)
		}
		await(seq + 1)
	}
	if err := server.Freeze(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "does not answer") {
			t.Errorf("left for %v", err)
		}
	case <-ctx.Done():
		t.Error("after a minute it still waits for the server that hangs")
	}
}

// The server hangs between the login and the order to send notices: no notice ever comes, and no silence is measured before the first.
func TestPostgres_notices_are_not_asked_for_for_ever(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	asked := make(chan string, 1)
	go func() {
		client, err := server.Accept()
		if err != nil {
			return
		}
		defer func() { _ = client.Close() }()
		hung := pgproto3.NewBackend(client, client)
		if _, err := hung.ReceiveStartupMessage(); err != nil {
			return
		}
		hung.Send(&pgproto3.AuthenticationOk{})
		hung.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		if hung.Flush() != nil {
			return
		}
		order, err := hung.Receive()
		if err == nil {
			asked <- fmt.Sprintf("%T", order)
		}
		<-t.Context().Done()
	}()
	cfg, err := pgx.ParseConfig("postgres://pointsman@" + server.Addr().String() + "/pointsman?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = listen(ctx, cfg, "us", time.Hour, func(Tail) { t.Error("heard of a server that hangs") })
	if err == nil || !strings.Contains(err.Error(), "does not answer") || ctx.Err() != nil {
		t.Errorf("left for %v", err)
	}
	if order := <-asked; order != "*pgproto3.Query" {
		t.Errorf("it hangs at %s", order)
	}
}
