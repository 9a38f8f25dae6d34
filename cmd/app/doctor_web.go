package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/configs"
)

// renewal is how long before its end a certificate should have been renewed.
const renewal = 14 * 24 * time.Hour

// examineWeb looks at our own doors: the addresses are ours, the certificate is good for a while, and somebody answers where we say that we are.
// The port itself is not tried: the server may be running.
func examineWeb(ctx context.Context, cfg *configs.Config) []pointsman.Fact {
	out := []pointsman.Fact{examineListen(ctx, cfg.Web.Listen)}
	if cfg.Web.TLSCert != "" {
		out = append(out, examineCertificate(cfg.Web.TLSCert, cfg.Web.TLSKey))
	}
	if cfg.Web.Socket != "" {
		f := readyFact("web.socket", filepath.Dir(cfg.Web.Socket)+" takes the socket")
		if err := takesFiles(filepath.Dir(cfg.Web.Socket)); err != nil {
			f = warnFact("web.socket", "the socket cannot be made there: "+err.Error(), "let the service manager make the folder (RuntimeDirectory=pointsman), or set web.socket")
		}
		out = append(out, f)
	}
	if cfg.Web.ExternalURL != "" {
		addr := actions.HostPort(cfg.Web.ExternalURL)
		f := readyFact("web.external_url", addr+" answers")
		if err := dial(ctx, addr); err != nil {
			f = warnFact("web.external_url", "nothing answers there: "+err.Error(), "correct web.external_url, or start the server or the proxy there")
		}
		out = append(out, f)
	}
	return out
}

func examineListen(ctx context.Context, listen string) pointsman.Fact {
	host, _, err := net.SplitHostPort(listen)
	if err == nil {
		var l net.Listener
		if l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, "0")); err == nil {
			err = l.Close()
		}
	}
	if err != nil {
		return problemFact("web.listen", "nobody can listen there: "+err.Error(), "set web.listen to an address of this machine")
	}
	return readyFact("web.listen", listen+" is an address of this machine")
}

func examineCertificate(cert, key string) pointsman.Fact {
	const name = "web.tls_cert_file"
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return problemFact(name, err.Error(), "set tls_cert_file and tls_key_file to a certificate and its key, in PEM")
	}
	if info, err := os.Stat(key); err == nil && info.Mode().Perm()&0o004 != 0 {
		return problemFact(name, fmt.Sprintf("everybody on this machine can read the key %s (%v)", key, info.Mode().Perm()), "chmod 600 "+key)
	}
	end := pair.Leaf.NotAfter.UTC().Format("2006-01-02")
	switch left := time.Until(pair.Leaf.NotAfter); {
	case left <= 0:
		return problemFact(name, "the certificate ended on "+end+", so Alertmanager and browsers turn away", "renew it; a running server takes it up by itself")
	case left < renewal:
		return warnFact(name, "the certificate ends on "+end, "renew it; a running server takes it up by itself")
	}
	return readyFact(name, "the certificate is good until "+end)
}

func dial(ctx context.Context, addr string) error {
	d := net.Dialer{Timeout: 3 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

// takesFiles tries it in the folder, or in the nearest one around it that is there: the server makes the rest.
func takesFiles(dir string) error {
	for {
		if info, err := os.Stat(dir); err == nil && !info.IsDir() {
			return fmt.Errorf("%s is no folder", dir)
		} else if err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Remove(f.Name())
}

func warnFact(name, text, clears string) pointsman.Fact {
	f := problemFact(name, text, clears)
	f.Kind = pointsman.Warn
	return f
}
