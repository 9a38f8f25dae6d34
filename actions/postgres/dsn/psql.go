package dsn

import (
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Psql are the words of psql with the way to the database, for a person to paste: who connects, and with which password, is
// their own. Of several hosts it goes to the one that takes writes.
func Psql(cfg *pgx.ConnConfig, database string, flags ...string) []string {
	hosts, ports := split(cfg)
	if len(hosts) > 1 || strings.ContainsAny(database, "=:") { // psql would read such a name as a connection string
		database = "dbname='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(database) + "'"
	}
	if len(hosts) > 1 {
		database += " target_session_attrs=read-write"
	}
	words := append([]string{"psql"}, flags...)
	return append(words, "-h", strings.Join(hosts, ","), "-p", strings.Join(ports, ","), "-d", database)
}

// IsReady are the words of pg_isready, which ends with 2 where nobody answers at all, within five seconds: not where a server that
// is full, that starts or that refuses the login does.
func IsReady(cfg *pgx.ConnConfig) []string {
	hosts, ports := split(cfg)
	return []string{"pg_isready", "-h", strings.Join(hosts, ","), "-p", strings.Join(ports, ","), "-t", "5"}
}

func split(cfg *pgx.ConnConfig) (hosts, ports []string) {
	for _, at := range Hosts(cfg) {
		if host, port, err := net.SplitHostPort(at); err == nil { // Hosts joined it
			hosts, ports = append(hosts, host), append(ports, port)
		}
	}
	return hosts, ports
}
