package dsn

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// A server that hangs takes connections and never answers. Where an address names several, one that hangs keeps whoever has no
// connect_timeout from the next one, for as long as the whole attempt may take.

// AsClients is how long an attempt may take that must go as those of the clients do, who come to the next host after their
// connect_timeout, and without one never. alone is for an address that names one server.
func AsClients(cfg *pgx.ConnConfig, alone time.Duration) time.Duration {
	return alone + time.Duration(len(Hosts(cfg))-1)*cfg.ConnectTimeout
}

// EachHost gives each of several servers its part of the time that is left: for what has to come through, whichever of them hangs.
func EachHost(ctx context.Context, cfg *pgx.ConnConfig) {
	end, limited := ctx.Deadline()
	hosts := len(Hosts(cfg))
	if !limited || hosts == 1 {
		return
	}
	if part := time.Until(end) / time.Duration(hosts); cfg.ConnectTimeout == 0 || part < cfg.ConnectTimeout {
		cfg.ConnectTimeout = part
	}
}
