package alerts

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pointsman/pointsman"
)

// authority is a certificate authority of a test.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{key, cert}
}

func (a authority) issue(t *testing.T, use x509.ExtKeyUsage, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "alertmanager"}, NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{use}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

type nothing struct{}

func (nothing) Receive(_ context.Context, cmds []pointsman.ReceiveAlerts) ([]pointsman.Answer, error) {
	return slices.Repeat([]pointsman.Answer{{Code: pointsman.CodeAccepted}}, len(cmds)), nil
}

func (nothing) Note(context.Context, ...pointsman.Event) error { return nil }

func TestReceive_client_certificates(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t), newAuthority(t)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ours.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	r, _ := NewRouter(Route{}, nil, nil)
	h, err := New(Config{ClientCA: ca}, r, nothing{}, nothing{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	h.Register(e)
	srv := httptest.NewUnstartedServer(e)
	srv.TLS = &tls.Config{ClientAuth: tls.RequestClientCert} // the server verifies nothing: the door must
	srv.StartTLS()
	t.Cleanup(srv.Close)

	soon := time.Now().Add(time.Hour)
	for _, tt := range []struct {
		name string
		cert []tls.Certificate
		want int
	}{
		{"of our authority", []tls.Certificate{ours.issue(t, x509.ExtKeyUsageClientAuth, soon)}, http.StatusOK},
		{"none", nil, http.StatusUnauthorized},
		{"of another authority", []tls.Certificate{theirs.issue(t, x509.ExtKeyUsageClientAuth, soon)}, http.StatusUnauthorized},
		{"of a server", []tls.Certificate{ours.issue(t, x509.ExtKeyUsageServerAuth, soon)}, http.StatusUnauthorized},
		{"expired", []tls.Certificate{ours.issue(t, x509.ExtKeyUsageClientAuth, time.Now().Add(-time.Minute))}, http.StatusUnauthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pool := x509.NewCertPool()
			pool.AddCert(srv.Certificate())
			cl := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: tt.cert}}}
			t.Cleanup(cl.CloseIdleConnections)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+Path, strings.NewReader(`{"alerts":[{"labels":{"alertname":"A"}}]}`))
			if err != nil {
				t.Fatal(err)
			}
			res, err := cl.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != tt.want {
				t.Errorf("%d, want %d", res.StatusCode, tt.want)
			}
		})
	}
}

func TestReceive_too_many_at_once_are_sent_again(t *testing.T) {
	t.Parallel()
	r, _ := NewRouter(Route{}, nil, nil)
	h, err := New(Config{InsecureDev: true}, r, nothing{}, nothing{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	h.Register(e)
	ask := func() *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, Path, strings.NewReader(`{"alerts":[]}`)))
		return rec
	}
	if !h.room.TryAcquire(inFlight) {
		t.Fatal("the room is not empty")
	}
	if rec := ask(); rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
	h.room.Release(inFlight)
	if rec := ask(); rec.Code != http.StatusOK {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func TestReceive_panic_on_one_message_does_not_close_the_door(t *testing.T) {
	t.Parallel()
	h, err := New(Config{InsecureDev: true}, nil, nothing{}, nothing{}, nil, nil) // no router: sorting panics
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	h.Register(e)
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, Path, strings.NewReader(`{"alerts":[{"labels":{"alertname":"A"}}]}`)))
	if rec.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func TestConfig_tokens_in_files(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good", "0123456789abcdef\n")
	for _, tt := range []struct {
		name, want string
		cfg        Config
	}{
		{"trailing newline is cut", "", Config{TokensFile: []string{good}}},
		{"missing", "no such file", Config{TokensFile: []string{filepath.Join(dir, "none")}}},
		{"empty would let everybody in", "has 0 characters", Config{TokensFile: []string{write("empty", "\n")}}},
		{"authority without a certificate", "holds no PEM certificate", Config{ClientCA: good}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := newLock(tt.cfg)
			switch {
			case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}
