package dsn

import (
	"strings"

	"github.com/jackc/pgx/v5"
)

// The names in our statements are the system's. With the usual search_path PostgreSQL also looks in public for functions and
// operators, and takes one from there whose arguments fit better: whoever may create in public (everybody before PostgreSQL
// 15) could have Pointsman's role run his code. See CVE-2018-1058.
const systemOnly = "pg_catalog"

// SystemNames makes a connection find nothing but the system's functions and operators; tables are to be written with their
// schema. It is a parameter of the startup, which a pooler refuses: only for an address that leads to a server itself.
func SystemNames(cfg *pgx.ConnConfig) { cfg.RuntimeParams["search_path"] = systemOnly }

// SystemNamesTx is the same for one transaction, in the round trip of its BEGIN, where a pooler may stand in between: what
// is set for a session there would stay with a server's connection that is given to somebody else.
func SystemNamesTx() pgx.TxOptions {
	return pgx.TxOptions{BeginQuery: "BEGIN; SET LOCAL search_path = " + systemOnly}
}

// Table is the name of a table with its schema, public where it has none.
func Table(name string) string {
	if name == "" || strings.Contains(name, ".") {
		return name
	}
	return "public." + name
}
