package alerts

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"net/http"
	"strings"
)

// lock knows who may bring alerts.
type lock struct {
	tokens [][sha256.Size]byte // hashes, so that comparing takes the same time whatever the lengths
	pool   *x509.CertPool
	open   bool
}

func newLock(c Config) (*lock, error) {
	l := &lock{open: c.InsecureDev}
	bearers, err := c.bearers()
	if err != nil {
		return nil, err
	}
	for _, t := range bearers {
		l.tokens = append(l.tokens, sha256.Sum256([]byte(t)))
	}
	l.pool, err = c.ClientCAs()
	return l, err
}

// admit reports whether the request may come in, and if not, why in one sentence that says what to do and repeats
// nothing of what was sent.
func (l *lock) admit(req *http.Request) (bool, string) {
	if l.open || l.certified(req) {
		return true, ""
	}
	header := req.Header.Get("Authorization")
	scheme, token, _ := strings.Cut(header, " ")
	switch {
	case len(l.tokens) == 0:
		return false, "a client certificate of the configured authority is needed; set tls_config under http_config of the Alertmanager receiver"
	case header == "":
		return false, "the request carries no bearer token; set http_config.authorization.credentials_file in the Alertmanager receiver"
	case !strings.EqualFold(scheme, "Bearer"):
		return false, "the request is not authorised by a bearer token; set http_config.authorization (type Bearer) in the Alertmanager receiver"
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	match := 0
	for _, t := range l.tokens { // all of them, always: the time must not tell which one nearly fitted
		match |= subtle.ConstantTimeCompare(sum[:], t[:])
	}
	if match != 1 {
		return false, "the bearer token is not one of the configured ones; compare alertmanager.tokens_file with the credentials of the receiver"
	}
	return true, ""
}

// certified verifies the certificate against our own authority, whatever else the server in front accepts.
func (l *lock) certified(req *http.Request) bool {
	if l.pool == nil || req.TLS == nil || len(req.TLS.PeerCertificates) == 0 {
		return false
	}
	between := x509.NewCertPool()
	for _, c := range req.TLS.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := req.TLS.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots: l.pool, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err == nil
}
