package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman/actions/postgres/probe"
)

// certificate writes a new one for loopback and its key.
func certificate(t *testing.T, dir string, serial int64) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, priv.Public(), priv)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, pool = filepath.Join(dir, "probe.pem"), filepath.Join(dir, "probe.key"), x509.NewCertPool()
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return cert, key, pool
}

// probing starts the command and returns where it answers.
func probing(t *testing.T, token string, flags ...string) (addr string, warned func() string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var errOut strings.Builder
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(ctx, append([]string{"probe", "-c", "testdata/good.yaml", "--token-file", token}, flags...), strings.NewReader(""), in, &errOut)
		_ = in.Close()
	}()
	stop := func() string { cancel(); <-ended; return errOut.String() }
	t.Cleanup(func() { stop() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %s", err, stop())
	}
	addr, _, _ = strings.Cut(strings.TrimPrefix(line, "answering on "), " ")
	return addr, stop
}

// look asks the probe as the server does.
func look(t *testing.T, client *http.Client, base, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+probe.Path, strings.NewReader(`{"cluster":"orders","node":"pg-1"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

func TestTheProbeAnswersOverTLSAndTakesARenewedCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("a-long-token-of-the-probe\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cert, key, _ := certificate(t, dir, 1)
	addr, warned := probing(t, token, "--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	_, _, pool := certificate(t, dir, 2) // renewed while it runs
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	if status, body := look(t, client, "https://"+addr, "guessed"); status != http.StatusUnauthorized {
		t.Errorf("a wrong token: %d %s", status, body)
	}
	if status, body := look(t, client, "https://"+addr, "a-long-token-of-the-probe"); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if said := warned(); strings.Contains(said, "without TLS") {
		t.Error(said)
	}
}

func TestTheProbeWarnsWhereItsTokenWouldCrossTheNetworkInClear(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a-long-token-of-the-probe"), 0o600); err != nil {
		t.Fatal(err)
	}
	addr, warned := probing(t, token, "--listen", "127.0.0.1:0")
	if status, body := look(t, http.DefaultClient, "http://"+addr, "a-long-token-of-the-probe"); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if said := warned(); strings.Contains(said, "in clear") {
		t.Errorf("on loopback nobody listens in: %q", said)
	}
	for ip, want := range map[string]bool{"127.0.0.1": false, "::1": false, "0.0.0.0": true, "::": true, "192.0.2.7": true} {
		if got := reachable(&net.TCPAddr{IP: net.ParseIP(ip)}); got != want {
			t.Errorf("%s: reachable %t", ip, got)
		}
	}
	if said := says(t, nil, "probe", "-c", "testdata/good.yaml", "--token-file", token, "--tls-cert", "x.pem"); !strings.Contains(said, "--tls-cert and --tls-key belong together") {
		t.Error(said)
	}
}

func TestTheProbeWantsATokenThatNobodyGuesses(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	said := says(t, nil, "probe", "-c", "testdata/good.yaml", "--token-file", token)
	if !strings.Contains(said, "has 6 characters, at least 16 are needed") || strings.Contains(said, "s3cret") {
		t.Error(said)
	}
}

// People, approvals, pages and alerts are the server's: whoever starts a probe reads only what a probe can be about.
func TestTheProbeWarnsOfNothingThatItDoesNotUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	open := file("open.dsn", "host=127.0.0.1 port=1 user=pointsman sslmode=disable", 0o644)
	config := file("pointsman.yaml", "alertmanager: {tokens: [not-used-by-the-probe-0123456789]}\ntargets:\n  postgres:\n    - name: orders\n      nodes:\n"+
		"        - {name: pg-1, dsn_file: "+open+"}\n        - {name: pg-2, dsn: \"host=127.0.0.1 port=2\"}\n      clients: {dsn: \"host=127.0.0.1 port=3\"}\n", 0o600)
	token := file("token", "a-long-token-of-the-probe", 0o600)
	_, warned := probing(t, token, "--listen", "127.0.0.1:0", "-c", config)
	want := "warning: " + config + ":6: targets.postgres[0].nodes[0].dsn_file: everybody on this machine can read " + open + " (mode 0644); chmod 600 " + open + "\n"
	if said := warned(); said != want {
		t.Errorf("%q, want %q", said, want)
	}
}
