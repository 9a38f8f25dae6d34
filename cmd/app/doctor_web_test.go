package app

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// A certificate ends at night.
func TestTheDoctorLooksAtTheCertificate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		lasts time.Duration
		mode  os.FileMode
		want  pointsman.Fact
	}{
		{"good", 90 * 24 * time.Hour, 0o600, pointsman.Fact{Kind: pointsman.Hard, Result: pointsman.Pass, Text: "the certificate is good until "}},
		{"ends soon", 13 * 24 * time.Hour, 0o600, pointsman.Fact{Kind: pointsman.Warn, Result: pointsman.Fail, Text: "the certificate ends on "}},
		{"has ended", -time.Hour, 0o600, pointsman.Fact{Kind: pointsman.Hard, Result: pointsman.Fail, Text: "the certificate ended on "}},
		{"ends soon, key for everybody", 13 * 24 * time.Hour, 0o644, pointsman.Fact{Kind: pointsman.Hard, Result: pointsman.Fail, Text: "everybody on this machine can read the key "}},
		{"key for everybody", 90 * 24 * time.Hour, 0o644, pointsman.Fact{Kind: pointsman.Hard, Result: pointsman.Fail, Text: "everybody on this machine can read the key "}},
	} {
		cert, key := certificate(t, c.lasts, c.mode)
		if got := examineCertificate(cert, key); got.Kind != c.want.Kind || got.Result != c.want.Result || !strings.HasPrefix(got.Text, c.want.Text) {
			t.Errorf("%s: %s %s %q, want %s %s %q", c.name, got.Kind, got.Result, got.Text, c.want.Kind, c.want.Result, c.want.Text)
		}
	}
	good, _ := certificate(t, time.Hour, 0o600)
	_, other := certificate(t, time.Hour, 0o600)
	if got := examineCertificate(good, other); got.Result != pointsman.Fail || !strings.Contains(got.Text, "does not match") {
		t.Errorf("another certificate's key: %q", got.Text)
	}
}

func certificate(t *testing.T, lasts time.Duration, mode os.FileMode) (cert, key string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(lasts), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, form, form, public, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "own.crt"), filepath.Join(dir, "own.key")
	err = errors.Join(os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), mode), os.Chmod(key, mode))
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}
