// Package dsn reads the connection strings of targets that are PostgreSQL servers.
package dsn

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// maxMessage is the longest message that is taken from a server; the answers to our questions are a few kilobytes.
// Whatever listens on the port says how long its message is. Something that is no PostgreSQL says nonsense, and the
// driver would make room for it: 800 MB for a mail server's greeting.
const maxMessage = 1 << 20

// Parse reads a connection string. The driver's own error repeats parts of it, so it is replaced.
func Parse(text string) (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(text)
	if err != nil {
		return nil, errors.New("the connection string cannot be read; its form is postgres://user:password@host:5432/database")
	}
	cfg.MaxProtocolMessageBodyLen = maxMessage
	return cfg, nil
}

// Read is Parse of the text or, where one is named, of the file that holds it. The file is read again each time, so that
// a rotated password needs no restart.
func Read(text, file string) (*pgx.ConnConfig, error) {
	if file == "" {
		return Parse(text)
	}
	held, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	cfg, err := Parse(strings.TrimSpace(string(held)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return cfg, nil
}

// Hosts lists host:port of the distinct servers, at least one; a server may stand in it twice, with TLS and without.
func Hosts(cfg *pgx.ConnConfig) []string {
	out := []string{addr(cfg.Host, cfg.Port)}
	for _, f := range cfg.Fallbacks {
		if other := addr(f.Host, f.Port); !slices.Contains(out, other) {
			out = append(out, other)
		}
	}
	return out
}

// addr is host:port; an IPv6 address stands in brackets, as everywhere else where addresses are compared and split.
func addr(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}
