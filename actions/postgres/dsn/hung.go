package dsn

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// A server that hangs takes connections and never answers. Where an address names several, one that hangs keeps whoever has no
// connect_timeout from the next one, for as long as the whole attempt may take.

// lookupLimit bounds the question for the addresses of the names.
const lookupLimit = time.Second

// servers are the addresses that the driver tries one after the other. A name may have several, as of a headless service; one that cannot
// be looked up counts as one.
func servers(ctx context.Context, cfg *pgx.ConnConfig) (out []string) {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	for _, at := range Hosts(cfg) {
		host, port, _ := net.SplitHostPort(at) // Hosts joined it
		found := []string{host}
		if !strings.HasPrefix(host, "/") { // the folder of a socket
			if ips, err := cfg.LookupFunc(ctx, host); err == nil && len(ips) > 0 {
				found = ips
			}
		}
		for _, ip := range found {
			if server := net.JoinHostPort(ip, port); !slices.Contains(out, server) {
				out = append(out, server)
			}
		}
	}
	return out
}

// AsClients is how long an attempt may take that must go as those of the clients do, who come to the next server after their
// connect_timeout, and without one never. alone is for an address that leads to one server.
func AsClients(ctx context.Context, cfg *pgx.ConnConfig, alone time.Duration) time.Duration {
	if cfg.ConnectTimeout == 0 {
		return alone
	}
	return alone + time.Duration(len(servers(ctx, cfg))-1)*cfg.ConnectTimeout
}

// Lingers says why whoever connects with the address stays with a server that hangs and never comes to the next one. It is empty where
// one goes on, or where there is one machine only.
func Lingers(ctx context.Context, cfg *pgx.ConnConfig) string {
	if cfg.ConnectTimeout > 0 {
		return ""
	}
	if n := len(Hosts(cfg)); n > 1 {
		return fmt.Sprintf("its DSN names %d hosts and no connect_timeout", n)
	}
	all := servers(ctx, cfg)
	if len(all) == 1 || !slices.ContainsFunc(all, elsewhere) { // localhost is often two addresses
		return ""
	}
	return fmt.Sprintf("its DSN names no connect_timeout, and %s has %d addresses", cfg.Host, len(all))
}

func elsewhere(server string) bool {
	at, err := netip.ParseAddrPort(server)
	return err != nil || !at.Addr().IsLoopback()
}
