package dsn_test

import (
	"fmt"
	"net"
	"runtime"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman/actions/postgres/dsn"
)

// A mail server on the port of a database greets with bytes that read as a message of 800 MB.
func TestAServerThatIsNoPostgreSQLCostsNoMemory(t *testing.T) {
	mail, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mail.Close()
	go func() {
		for {
			conn, err := mail.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, "220 mail.example ready\r\n")
			conn.Close()
		}
	}()
	cfg, err := dsn.Parse("postgres://pointsman@" + mail.Addr().String() + "/app?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if conn, err := pgx.ConnectConfig(t.Context(), cfg); err == nil {
		conn.Close(t.Context())
		t.Fatal("a mail server was taken for a database")
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
		t.Errorf("the greeting cost %d MB", grown>>20)
	}
}
