package patroni

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync/atomic"

	"github.com/pointsman/pointsman/actions"
)

// maxAnswer bounds what is taken from whatever listens there; Patroni's answers are a few kilobytes.
const maxAnswer = 1 << 20

// client makes the HTTP client of one look or one request: certificates that were renewed need no restart. The caller
// closes its connections.
func (c Cluster) client() (*http.Client, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file: %s holds no certificate", c.CAFile)
		}
	}
	if c.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("cert_file: %w", err)
		}
		conf.Certificates = []tls.Certificate{cert}
	}
	return &http.Client{
		// Patroni's server lets five connections wait. A sixth is dropped by the kernel and comes again a second later, so all
		// questions at once would cost the outage a second at every look.
		// And a member that takes no connection must not use up the time in which the others could be asked.
		Transport: &http.Transport{
			TLSClientConfig: conf, DisableCompression: true, MaxConnsPerHost: 2,
			DialContext: (&net.Dialer{Timeout: c.ReadTimeout}).DialContext, TLSHandshakeTimeout: c.ReadTimeout,
		},
		// A redirect would take the password, and the decision, somewhere that nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// get reads one path into out and returns the status. Patroni answers /leader, /replica and /health with a body also
// when the status is 503; a body that is no JSON is an error with any status.
func get(ctx context.Context, client *http.Client, m Member, path string, out any) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(m.URL, "/")+path, http.NoBody)
	if err != nil {
		return 0, errors.New("its URL cannot be used")
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, plain(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, plain(err)
	}
	if out == nil {
		return resp.StatusCode, nil
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
		return resp.StatusCode, fmt.Errorf("%s answers %s", path, resp.Status)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return resp.StatusCode, fmt.Errorf("%s answers no JSON of Patroni: %w", path, err)
	}
	return resp.StatusCode, nil
}

// reply is what came back of a request that may change something.
type reply struct {
	Status int    // 0 when no answer came
	Text   string // Patroni's own sentence
	Sent   bool   // something of the request may have left: without an answer its effect is unknown
}

// post sends one request, once. The error says why no answer came.
func (c Cluster) post(ctx context.Context, m Member, path string, body any) (reply, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return reply{}, err
	}
	password, err := secret(c.Password, c.PasswordFile)
	if err != nil {
		return reply{}, err
	}
	client, err := c.client()
	if err != nil {
		return reply{}, err
	}
	defer client.CloseIdleConnections()
	var sent atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }})
	req, err := http.NewRequestWithContext(traced, http.MethodPost, strings.TrimSuffix(m.URL, "/")+path, bytes.NewReader(raw))
	if err != nil {
		return reply{}, errors.New("its URL cannot be used")
	}
	req.GetBody = nil // the client must not send it a second time over another connection
	req.Header.Set("Content-Type", "application/json")
	if c.Username != "" {
		req.SetBasicAuth(c.Username, password)
	}
	if err := actions.InTime(ctx); err != nil {
		return reply{}, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return reply{Sent: sent.Load()}, plain(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return reply{Sent: true}, plain(err)
	}
	return reply{Status: resp.StatusCode, Text: oneLine(string(text)), Sent: true}, nil
}

// secret returns the value, or what stands in the file.
func secret(value, file string) (string, error) {
	if file == "" {
		return value, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("password_file: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// plain leaves the address out of a client's error: the fact names the member, and a URL may hold what is nobody's business.
func plain(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// oneLine makes a sentence for a card of what somebody else wrote.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if r := []rune(s); len(r) > 200 {
		s = string(r[:199]) + "…"
	}
	return s
}
