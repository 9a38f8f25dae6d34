package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/pointsman/pointsman/actions/postgres/probe"
)

// vantage are the ways to the probes: one client for each authority whose certificates are trusted.
type vantage map[string]*http.Client

func vantageOf(cfg Config) vantage {
	v := vantage{}
	for _, cluster := range cfg {
		for _, p := range cluster.Probes {
			if v[p.CAFile] == nil {
				v[p.CAFile] = trusting(p.CAFile)
			}
		}
	}
	return v
}

// trusting makes a client that trusts the file's authorities and no others; without a file it is the usual one, with
// those of this machine. The file is read for each new connection, so that a renewed authority needs no restart.
func trusting(caFile string) *http.Client {
	// A cluster's nodes are asked about beside each other, and each look should find the connections of the one before.
	way := &http.Transport{IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 8}
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file: %s holds no certificate", caFile)
		}
		d := tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}}
		return d.DialContext(ctx, network, addr)
	}
	if caFile == "" {
		way.Proxy = http.ProxyFromEnvironment
	} else {
		way.DialTLSContext = dial
	}
	return &http.Client{
		Transport: way,
		// A redirect would carry the token, and the question whether a primary is gone, somewhere that nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ask asks a probe; the token is read anew for each question.
func (c *Clusters) ask(ctx context.Context, p Probe, q probe.Question) (probe.Sighting, error) {
	token := p.Token
	if p.TokenFile != "" {
		text, err := os.ReadFile(p.TokenFile)
		if err != nil {
			return probe.Sighting{}, errors.New("the probe's token cannot be read")
		}
		token = strings.TrimSpace(string(text))
	}
	return probe.Client{URL: p.URL, HTTP: c.vantage[p.CAFile]}.Ask(ctx, token, q)
}

// asked is ask for whoever counts sightings: a probe that cannot be asked saw nothing.
func (c *Clusters) asked(ctx context.Context, p Probe, q probe.Question) probe.Sighting {
	at := c.Clock.Now()
	seen, err := c.ask(ctx, p, q)
	if err != nil {
		seen = probe.Sighting{State: Unsure, Detail: err.Error()}
	}
	seen.At = at // the probe's own clock may be wrong, and so would be the age of what it saw
	return seen
}
