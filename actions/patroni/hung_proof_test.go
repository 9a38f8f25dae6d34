package patroni_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/patroni"
	"github.com/pointsman/pointsman/cmd/lab"
)

// TestTheProofIsSeenBesideALeaderThatHangs: the old leader hangs with its machine, so that neither its REST API answers nor the first
// host of the clients' address. They come to the new leader after 3 s; a look of the engine ends after 3 s, and would never see
// that the write arrived.
func TestTheProofIsSeenBesideALeaderThatHangs(t *testing.T) {
	t.Parallel()
	hung, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes the connection, and nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close()
	server := lab.NewPostgres(t, lab.PostgresOptions{InMemory: true})
	f := newFake(t)
	f.timeline = 0 // of the fake, so that its leader is on the server's own, which is 1
	f.lead("pg-2")
	conn, err := pgx.Connect(t.Context(), server.PointsmanDSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var id string
	if err := conn.QueryRow(t.Context(), "SELECT system_identifier::text FROM pg_control_system()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	for _, m := range f.members {
		m.id = id
	}
	c := f.config()
	c.ReadTimeout = patroni.DefaultReadTimeout
	c.Members[0].URL = "http://" + hung.Addr().String()
	c.Clients.DSN = "postgres://" + lab.Pointsman + "@" + hung.Addr().String() + "," + server.Addr() + "/" + lab.AppDatabase + "?sslmode=disable&connect_timeout=3&target_session_attrs=read-write"
	k := kindOf(t, patroni.New(patroni.Config{c}), "patroni.status")
	in := leads(map[string]string{"candidate": "pg-2", "timeline": "0", "system_id": id}, "")
	out, err := k.Apply(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	in.Memo = out.Memo
	look, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	ev, err := k.Verify(look, in)
	if err != nil || !ev.Holds {
		t.Errorf("it does not hold: %v, %+v", err, pointsman.Refusals(ev.Facts))
	}
}
