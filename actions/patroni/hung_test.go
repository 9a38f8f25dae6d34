package patroni

import (
	"net"
	"testing"
	"time"

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
