package dsn

import (
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Psql are the words of psql with the way to the database, for a person to paste: who connects, and with which password, is
// their own. Of several hosts it goes to the one that takes writes; without a time limit it would wait for ever for one that takes
// the connection and hangs. It reads no file of its own and asks for no password: the next pasted line would be taken for one.
func Psql(cfg *pgx.ConnConfig, database string, flags ...string) []string {
	hosts, _ := split(cfg)
	if len(hosts) > 1 || strings.ContainsAny(database, "=:") { // psql would read such a name as a connection string
		database = "dbname='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(database) + "'"
	}
	if len(hosts) > 1 {
		database += " target_session_attrs=read-write"
	}
	words := append([]string{"PGCONNECT_TIMEOUT=5", "psql", "-Xw"}, flags...)
	return append(append(words, At(cfg)...), "-d", database)
}

// At are the hosts and ports, as psql and pg_isready take them.
func At(cfg *pgx.ConnConfig) []string {
	hosts, ports := split(cfg)
	return []string{"-h", strings.Join(hosts, ","), "-p", strings.Join(ports, ",")}
}

func split(cfg *pgx.ConnConfig) (hosts, ports []string) {
	for _, at := range Hosts(cfg) {
		if host, port, err := net.SplitHostPort(at); err == nil { // Hosts joined it
			hosts, ports = append(hosts, host), append(ports, port)
		}
	}
	return hosts, ports
}
