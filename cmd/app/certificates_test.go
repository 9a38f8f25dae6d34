package app

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/configs"
)

// Who has no tokens lets Alertmanager in by its certificate. That is asked for where TLS ends and judged at the door, and
// only a program that was started has both.
func TestAlertmanagerComesInByItsCertificate(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t), newAuthority(t)
	a, own := secured(t, ours)
	const needed = "a client certificate of the configured authority is needed; set tls_config under http_config of the Alertmanager receiver"
	for _, c := range []struct {
		name  string
		shows []tls.Certificate
		code  int
		says  string
	}{
		{"none", nil, http.StatusUnauthorized, needed},
		{"of another authority", []tls.Certificate{theirs.issue(t)}, http.StatusUnauthorized, needed},
		{"of the configured authority", []tls.Certificate{ours.issue(t)}, http.StatusOK, `"INC-1"`},
	} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: own, Certificates: c.shows}}}
		resp, err := client.Post("https://"+a.Addr().String()+"/api/v1/alertmanager", "application/json",
			strings.NewReader(`{"version":"4","groupKey":"{}","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"DiskFull"},"startsAt":"2026-11-22T03:00:00Z"}]}`))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		client.CloseIdleConnections()
		if resp.StatusCode != c.code || !strings.Contains(string(text), c.says) {
			t.Errorf("a certificate %s is answered %d %s, want %d %s", c.name, resp.StatusCode, text, c.code, c.says)
		}
	}
	all, err := a.store.Events(t.Context(), "", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(all, func(e pointsman.Logged) bool {
		return e.Type == pointsman.EvDoorRefused && strings.Contains(e.Text, needed)
	}) {
		t.Error("who was turned away is not on record")
	}
}

// secured starts the program with TLS and without tokens, and returns by whom its own certificate is to be trusted.
func secured(t *testing.T, clients authority) (*App, *x509.CertPool) {
	t.Helper()
	dir := t.TempDir()
	cert, key := certificate(t, time.Hour, 0o600)
	clients.write(t, filepath.Join(dir, "ca.pem"))
	file := filepath.Join(dir, "pointsman.yaml")
	text := strings.NewReplacer("DIR", dir, "CERT", cert, "KEY", key).Replace(`web: {listen: "127.0.0.1:0", socket: "", tls_cert_file: CERT, tls_key_file: KEY}
storage: {path: DIR/p.db}
audit: {key_file: DIR/audit.key}
alertmanager: {client_ca: DIR/ca.pem}
people: [{id: ana, token: a-token-of-ana-x, roles: [risk]}]
`)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := configs.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), cfg, Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	own, trusted := x509.NewCertPool(), []byte(nil)
	if trusted, err = os.ReadFile(cert); err != nil || !own.AppendCertsFromPEM(trusted) {
		t.Fatalf("%s: %v", cert, err)
	}
	return a, own
}

// authority signs the certificates of clients.
type authority struct {
	cert *x509.Certificate
	key  ed25519.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	var a authority
	a.cert, a.key = a.sign(t, form)
	return a
}

// issue makes a certificate as an Alertmanager shows it.
func (a authority) issue(t *testing.T) tls.Certificate {
	t.Helper()
	cert, key := a.sign(t, &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// sign signs what it is given, and by itself where there is no authority yet.
func (a authority) sign(t *testing.T, form *x509.Certificate) (*x509.Certificate, ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert == nil {
		a = authority{form, private}
	}
	der, err := x509.CreateCertificate(rand.Reader, form, a.cert, public, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, private
}

func (a authority) write(t *testing.T, file string) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
}
