package alerts

import (
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"github.com/pointsman/pointsman"
)

// MaxBody is the largest webhook that is read, 32 MiB: about 40,000 alerts. Of a larger one the whole alerts at its
// beginning are kept.
const MaxBody = 32 << 20

// Config is the section "alertmanager": how Alertmanager proves who it is.
type Config struct {
	// Tokens are the bearer tokens that are accepted; two, so that one can be replaced without losing an alert.
	Tokens     []string `yaml:"tokens"`
	TokensFile []string `yaml:"tokens_file"`
	// ClientCA is a PEM file: whoever shows a client certificate signed by it needs no token.
	ClientCA string `yaml:"client_ca"`
	// InsecureDev accepts everybody; for a laptop only.
	InsecureDev bool `yaml:"insecure_dev"`
}

// Validate reports what is wrong with the section, without reading files.
func (c Config) Validate() []pointsman.Fault {
	var faults []pointsman.Fault
	fault := func(path, text string) { faults = append(faults, pointsman.Fault{Path: path, Text: text}) }
	switch n := len(c.Tokens) + len(c.TokensFile); {
	case n == 0 && c.ClientCA == "" && !c.InsecureDev:
		fault("", "nobody could tell a real Alertmanager from a stranger; set tokens_file or client_ca (or insecure_dev: true on a laptop)")
	case n > 2:
		fault("tokens", fmt.Sprintf("%d tokens, at most two are valid at a time: the one in use and its replacement", n))
	}
	for i, t := range c.Tokens {
		if why := pointsman.WeakToken(t); why != "" {
			fault(fmt.Sprintf("tokens[%d]", i), why)
		}
	}
	return faults
}

// bearers returns the accepted tokens, those in files read now.
func (c Config) bearers() ([]string, error) {
	out := append([]string(nil), c.Tokens...)
	for _, name := range c.TokensFile {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("alertmanager token: %w", err)
		}
		t := strings.TrimSpace(string(b))
		if why := pointsman.WeakToken(t); why != "" { // also of an empty file, which would let everybody in who sends an empty token
			return nil, fmt.Errorf("alertmanager token file %s: %s", name, why)
		}
		out = append(out, t)
	}
	return out, nil
}

// ClientCAs are the authorities of client certificates, nil where none are configured. The server that terminates TLS
// must ask for certificates with tls.RequestClientCert or more for them to be seen.
func (c Config) ClientCAs() (*x509.CertPool, error) {
	if c.ClientCA == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(c.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("alertmanager client_ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("alertmanager client_ca %s holds no PEM certificate", c.ClientCA)
	}
	return pool, nil
}
