package dsn

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Psql are the words of psql with the way to the database, for a person to paste: who connects, and with which password, is
// their own. Of several hosts it goes to the one that takes writes; without a time limit it would wait for ever for one that takes
// the connection and hangs. It reads no file of its own and asks for no password: the next pasted line would be taken for one.
func Psql(cfg *pgx.ConnConfig, database string, flags ...string) []string {
	hosts, ports := split(cfg)
	wanted := "any"
	if len(hosts) > 1 {
		wanted = "read-write"
	}
	words := append([]string{"PGOPTIONS=", "psql", "-Xw"}, flags...)
	return append(words, "-h", strings.Join(hosts, ","), "-p", strings.Join(ports, ","), "-d", Exactly("dbname="+quoted(database), "connect_timeout=5", "target_session_attrs="+wanted))
}

// Exactly are settings of a connection that goes where -h says, whatever stands in the person's environment: a PGHOSTADDR, or the
// hostaddr of a PGSERVICE, would lead it to another machine without a word. Where the setting is there and empty, neither is looked
// at; it stands last, or what is behind it would be its value.
func Exactly(settings ...string) string { return strings.Join(append(settings, "hostaddr="), " ") }

var plain = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// quoted is a value as a connection string has it.
func quoted(value string) string {
	if plain.MatchString(value) {
		return value
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}

// One is the host and the port of the first server.
func One(cfg *pgx.ConnConfig) (host, port string) {
	return cfg.Host, strconv.Itoa(int(cfg.Port))
}

func split(cfg *pgx.ConnConfig) (hosts, ports []string) {
	for _, at := range Hosts(cfg) {
		colon := strings.LastIndex(at, ":")
		host := at[:colon]
		if strings.Contains(host, ":") { // Hosts joined it in brackets
			host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
		}
		hosts, ports = append(hosts, host), append(ports, at[colon+1:])
	}
	return hosts, ports
}
