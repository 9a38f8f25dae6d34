package patroni_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/pointsman/pointsman/actions/patroni"
)

// TestRequestsOverTLS: the members' certificates are checked against ca_file, ours is shown where they ask for one, and the
// password is read from its file and goes with the change only.
func TestRequestsOverTLS(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	for _, m := range f.members {
		plain := m.server
		m.server = httptest.NewUnstartedServer(plain.Config.Handler)
		m.server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
		m.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		m.server.StartTLS()
		t.Cleanup(m.server.Close)
	}
	certificate := f.members[0].server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cfg := f.config()
	mustRefuse(t, (&world{clusters: patroni.New(patroni.Config{cfg})}).status(t, "switchover", nil).Facts, "0 of 3 members tell who leads")
	cfg.CAFile = write("ca.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}))
	cfg.CertFile, cfg.KeyFile = cfg.CAFile, write("own.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	cfg.Password, cfg.PasswordFile = "", write("password", []byte(canary+"\n"))
	clusters := patroni.New(patroni.Config{cfg})
	mustStand(t, (&world{clusters: clusters}).status(t, "switchover", nil))
	k, in := kindOf(t, clusters, "patroni.switchover"), switchover(pins())
	out, err := k.Apply(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	verified(t, k, in, out)
	write("password", []byte("rotated"))
	back := pins()
	back["old_primary"], back["candidate"], back["timeline"] = "pg-2", "pg-1", "4"
	applyRefuses(t, k, switchover(back), "Patroni refuses (401 from pg-2): not authenticated")
}
