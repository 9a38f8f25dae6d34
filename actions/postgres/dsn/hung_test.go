package dsn_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pointsman/pointsman/actions/postgres/dsn"
)

// The driver tries each address of a name, and without a connect_timeout stays with the first one that hangs.
func TestANameOfSeveralAddressesIsSeveralServers(t *testing.T) {
	t.Parallel()
	lookup := func(_ context.Context, host string) ([]string, error) {
		switch host {
		case "pg":
			return []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, nil
		case "localhost":
			return []string{"::1", "127.0.0.1"}, nil
		case "gone":
			return nil, errors.New("no such host")
		}
		return []string{host}, nil
	}
	for text, want := range map[string]struct {
		lingers string
		time    time.Duration
	}{
		"host=pg":                          {"its DSN names no connect_timeout, and pg has 3 addresses", time.Second},
		"host=pg connect_timeout=5":        {"", 11 * time.Second},
		"host=pg,pg-2":                     {"its DSN names 2 hosts and no connect_timeout", time.Second},
		"host=pg,pg-2 connect_timeout=5":   {"", 16 * time.Second},
		"host=pg,gone connect_timeout=5":   {"", 16 * time.Second},
		"host=gone":                        {"", time.Second},
		"host=pg-2 sslmode=prefer":         {"", time.Second}, // with TLS and without, one server
		"host=localhost":                   {"", time.Second}, // one machine
		"host=/run/postgresql":             {"", time.Second},
		"host=/run/pg connect_timeout=300": {"", time.Second},
	} {
		cfg, err := dsn.Parse(text + " user=p dbname=app")
		if err != nil {
			t.Fatal(err)
		}
		cfg.LookupFunc = lookup
		if got := dsn.Lingers(t.Context(), cfg); got != want.lingers {
			t.Errorf("%s: %q, want %q", text, got, want.lingers)
		}
		if got := dsn.AsClients(t.Context(), cfg, time.Second); got != want.time {
			t.Errorf("%s: %s, want %s", text, got, want.time)
		}
	}
}
