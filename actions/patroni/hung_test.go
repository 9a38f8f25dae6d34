package patroni

import (
	"net"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/lab"
)

// TestAWriteComesToTheNextHostAsClientsDo: the old leader hangs with its machine, and stands first in the clients' address. A try
// that ends before the connect_timeout of that address would never see what every client sees.
func TestAWriteComesToTheNextHostAsClientsDo(t *testing.T) {
	t.Parallel()
	hung, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes the connection, and nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close()
	leader := lab.NewPostgres(t, lab.PostgresOptions{InMemory: true})
	c := Cluster{
		ReadTimeout: time.Second, HeartbeatTable: "public.pointsman_heartbeat",
		Clients: Clients{DSN: "postgres://" + lab.Pointsman + "@" + hung.Addr().String() + "," + leader.Addr() + "/" + lab.AppDatabase + "?sslmode=disable&connect_timeout=2&target_session_attrs=read-write"},
	}
	a, err := c.asClients(t.Context(), "")
	if err != nil || a.Timeline != 1 {
		t.Fatalf("timeline %d, %v", a.Timeline, err)
	}
	if err := c.write(t.Context(), a.SystemID, 1, "a token"); err != nil {
		t.Fatal(err)
	}
	if a, err := c.asClients(t.Context(), ""); err != nil || a.Token != "a token" {
		t.Errorf("read back %q, %v", a.Token, err)
	}
}

// TestAHostThatHangsRefusesNoSwitchoverThatCouldBeProven: a replica that hangs stands first in the clients' address. Clients come to
// the leader behind their connect_timeout, and so does the write for the proof.
func TestAHostThatHangsRefusesNoSwitchoverThatCouldBeProven(t *testing.T) {
	t.Parallel()
	hung, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes the connection, and nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close()
	leader := lab.NewPostgres(t, lab.PostgresOptions{InMemory: true})
	cluster := func(more string) Cluster {
		return Cluster{
			ReadTimeout: time.Second, HeartbeatTable: "public.pointsman_heartbeat",
			Clients: Clients{DSN: "postgres://" + lab.Pointsman + "@" + hung.Addr().String() + "," + leader.Addr() + "/" + lab.AppDatabase + "?sslmode=disable" + more},
		}
	}
	a, err := cluster("&connect_timeout=5&target_session_attrs=read-write").ahead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for more, want := range map[string]pointsman.FactResult{
		"&connect_timeout=5&target_session_attrs=read-write":  pointsman.Pass,
		"&connect_timeout=5&target_session_attrs=primary":     pointsman.Pass,
		"&target_session_attrs=read-write":                    pointsman.Unknown, // clients stay with it
		"&connect_timeout=20&target_session_attrs=read-write": pointsman.Unknown, // the write would not wait so long
		"&connect_timeout=5":                                  pointsman.Unknown, // they may be led to a standby
	} {
		if f := cluster(more).reachable(t.Context(), a.SystemID); f.Result != want {
			t.Errorf("%s: %+v, want %s", more, f, want)
		}
	}
}
