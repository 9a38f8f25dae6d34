package configs

import (
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"github.com/pointsman/pointsman"
)

// tokens reads the tokens, those in files too: what a restart would refuse, at night, is refused here.
func (c *checker) tokens() {
	first := map[string]int{}
	for i, p := range c.cfg.People {
		at := fmt.Sprintf("people[%d].token", i)
		if p.Token == "" && p.TokenFile != "" {
			at += "_file"
		}
		token, ok := c.token(at, p.Token.Reveal(), p.TokenFile)
		if other, twice := first[token]; ok && twice {
			c.fault(at, "the token is that of people[%d] too; one token is one person", other)
		}
		if ok {
			first[token] = i
		}
	}
	for i, token := range c.cfg.Alertmanager.Tokens {
		c.apart(fmt.Sprintf("alertmanager.tokens[%d]", i), token, first)
	}
	for i, name := range c.cfg.Alertmanager.TokensFile {
		at := fmt.Sprintf("alertmanager.tokens_file[%d]", i)
		if token, ok := c.token(at, "", name); ok {
			c.apart(at, token, first)
		}
	}
}

// apart refuses a person's token for Alertmanager: its configuration lies on other machines, and is read by others than that person.
func (c *checker) apart(at, token string, people map[string]int) {
	if i, same := people[strings.TrimSpace(token)]; same {
		c.fault(at, "the token is that of people[%d] too, so that whoever reads Alertmanager's configuration decides as that person; make another one with: openssl rand -hex 32", i)
	}
}

// token is the token where there is one that can be read; secretFile says of a file why not.
func (c *checker) token(at, value, file string) (string, bool) {
	token, err := ReadSecret(value, file)
	if err != nil || token == "" {
		return "", false
	}
	if why := pointsman.WeakToken(token); why != "" {
		if file != "" {
			why = file + ": " + why
		}
		c.fault(at, "%s", why)
		return "", false
	}
	return token, true
}

// clientCA reads the authority of client certificates.
func (c *checker) clientCA() {
	const at = "alertmanager.client_ca"
	name := c.cfg.Alertmanager.ClientCA
	if name == "" {
		return
	}
	pem, err := os.ReadFile(name)
	switch {
	case err != nil:
		c.fault(at, "%s: %s", name, reason(err))
	case !x509.NewCertPool().AppendCertsFromPEM(pem):
		c.fault(at, "%s holds no certificate in PEM; write that of the authority there", name)
	}
}

// legible looks into a file that holds a secret. Whoever shows a plan may be another than whoever serves, so that what only that
// one can read is a warning; the keys to our own doors are a fault, because nothing else looks at them before the restart.
func (c *checker) legible(name, at string) {
	b, err := os.ReadFile(name)
	switch {
	case err != nil && (strings.HasPrefix(at, "people[") || strings.HasPrefix(at, "alertmanager.")):
		c.fault(at, "%s: %s", name, reason(err))
	case err != nil:
		c.warn(at, "%s cannot be read from here, and the server must be able to: %s", name, reason(err))
	case strings.TrimSpace(string(b)) == "":
		c.fault(at, "%s is empty", name)
	}
}
