package configs

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

// checker looks at a configuration as a whole.
type checker struct {
	cfg      *Config
	faults   []pointsman.Fault
	warnings []pointsman.Fault
	told     map[string]bool // paths with a fault
}

// fault reports a fault of the configuration. The first one about a path is enough: rooms and this package may find the
// same mistake, and the room knows it better.
func (c *checker) fault(path, format string, args ...any) {
	if c.told[path] {
		return
	}
	c.told[path] = true
	c.faults = append(c.faults, c.cfg.Locate(pointsman.Fault{Path: path, Text: fmt.Sprintf(format, args...)})...)
}

// known reports whether a fault was reported about the path or a section around it.
func (c *checker) known(path string) bool {
	for p := path; p != ""; p = parent(p) {
		if c.told[p] {
			return true
		}
	}
	return false
}

func (c *checker) warn(path, format string, args ...any) {
	c.warnings = append(c.warnings, c.cfg.Locate(pointsman.Fault{Path: path, Text: fmt.Sprintf(format, args...)})...)
}

func (c *checker) all() {
	c.rooms()
	c.twins(reflect.ValueOf(c.cfg).Elem(), "")
	c.web()
	c.timings()
	c.people()
	c.tokens()
	c.targets()
	c.idle()
	c.guards()
	c.routes()
	c.brakes()
	c.nested()
	c.heard()
	c.approvals()
	c.fences()
	c.deadlines()
	c.owners()
}

// twins checks every setting that may stand in a file of its own: at most one of both, and a file that is there.
func (c *checker) twins(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			c.twins(v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Struct:
		fields := fieldsOf(v)
		for name, f := range fields {
			at := join(path, name)
			if base, ok := strings.CutSuffix(name, "_file"); ok {
				if inline, both := fields[base]; both && !inline.IsZero() && !f.IsZero() && f.Kind() == reflect.String && !c.known(at) {
					c.fault(at, "%s is given as well; keep one of them", base)
				}
				if both := fields[base]; both.IsValid() {
					c.secretFiles(f, at)
				}
				continue
			}
			if v.Type() != timeType {
				c.twins(f, at)
			}
		}
	}
}

func (c *checker) secretFiles(f reflect.Value, at string) {
	switch {
	case f.Kind() == reflect.String && f.String() != "":
		c.secretFile(f.String(), at)
	case f.Kind() == reflect.Slice:
		for i := range f.Len() {
			c.secretFiles(f.Index(i), fmt.Sprintf("%s[%d]", at, i))
		}
	}
}

func (c *checker) secretFile(name, at string) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		c.fault(at, "%s: %s", name, reason(err))
	case info.IsDir():
		c.fault(at, "%s is a folder, want a file that holds the secret", name)
	default:
		if info.Mode().Perm()&0o004 != 0 {
			c.warn(at, "everybody on this machine can read %s (mode %04o); chmod 600 %s", name, info.Mode().Perm(), name)
		}
		c.legible(name, at)
	}
}

// rooms asks each room about its own section.
func (c *checker) rooms() {
	for _, s := range []struct {
		path   string
		faults []pointsman.Fault
	}{
		{"storage", c.cfg.Storage.Validate()},
		{"alertmanager", c.cfg.Alertmanager.Validate()},
		{"slack", c.cfg.Slack.Validate()},
		{"pagerduty", c.cfg.PagerDuty.Validate()},
		{"targets.postgres", c.cfg.Targets.Postgres.Validate()},
		{"targets.service", c.cfg.Targets.Service.Validate()},
		{"targets.endpoint", c.cfg.Targets.Endpoint.Validate()},
		{"targets.patroni", c.cfg.Targets.Patroni.Validate()},
		{"targets.killswitch", c.cfg.Targets.KillSwitch.Validate()},
	} {
		c.section(s.path, s.faults)
	}
}

// section takes over the faults of a room, whose paths begin at its own section.
func (c *checker) section(path string, faults []pointsman.Fault) {
	for _, f := range faults {
		at := path
		switch {
		case strings.HasPrefix(f.Path, "["):
			at += f.Path
		case f.Path != "":
			at = join(path, f.Path)
		}
		c.fault(at, "%s", f.Text)
	}
}

func (c *checker) web() {
	w := c.cfg.Web
	host, port, err := net.SplitHostPort(w.Listen)
	if n, perr := strconv.Atoi(port); err != nil || perr != nil || n < 0 || n > 65535 {
		c.fault("web.listen", "%q is no address to listen on; write host:port, for example 127.0.0.1:9096", w.Listen)
	}
	if w.ExternalURL != "" {
		if u, err := url.Parse(w.ExternalURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			c.fault("web.external_url", "%q is no address for browsers; write for example https://pointsman.example", w.ExternalURL)
		}
	}
	if (w.TLSCert == "") != (w.TLSKey == "") {
		c.fault("web.tls_cert_file", "tls_cert_file and tls_key_file belong together; give both or none")
	}
	local := host == "localhost" || net.ParseIP(host).IsLoopback()
	if c.cfg.Alertmanager.InsecureDev && !local {
		c.fault("alertmanager.insecure_dev", "everybody who reaches %s could send alerts; use it on 127.0.0.1 only, or set tokens_file", w.Listen)
	} else if c.cfg.Alertmanager.InsecureDev {
		c.warn("alertmanager.insecure_dev", "every program on this machine can send alerts; for a laptop only")
	}
	if !local && w.TLSCert == "" {
		c.warn("web.listen", "%s is reachable from other machines without TLS; set tls_cert_file and tls_key_file, or put a proxy with TLS in front", w.Listen)
	}
	if c.cfg.Alertmanager.ClientCA != "" && w.TLSCert == "" {
		c.fault("alertmanager.client_ca", "client certificates need TLS on this server; set web.tls_cert_file and web.tls_key_file")
	}
	c.clientCA()
	c.oneOf("log.level", c.cfg.Log.Level, "debug", "info", "warn", "error")
	c.oneOf("log.format", c.cfg.Log.Format, "text", "json")
}

func (c *checker) oneOf(path, value string, known ...string) {
	if !slices.Contains(known, value) {
		text := fmt.Sprintf("%q is none of %s", value, strings.Join(known, ", "))
		if s := nearest(value, slices.Clone(known)); s != "" {
			text += "; did you mean " + s + "?"
		}
		c.fault(path, "%s", text)
	}
}

func (c *checker) timings() {
	t := c.cfg.Timings
	within := func(path string, d, low, high time.Duration) {
		if d < low || d > high {
			c.fault("timings."+path, "%s is outside %s to %s", pointsman.Span(d), pointsman.Span(low), pointsman.Span(high))
		}
	}
	within("update_every", t.UpdateEvery, time.Minute, 24*time.Hour)
	within("lease", t.Lease, 300*time.Millisecond, time.Minute)
	within("sweep", t.Sweep, 50*time.Millisecond, 10*time.Second)
	within("check_timeout", t.CheckTimeout, 500*time.Millisecond, time.Minute)
	if t.Tries < 1 || t.Tries > 10 {
		c.fault("timings.tries", "%d is outside 1 to 10", t.Tries)
	}
	if t.Heartbeat <= 0 || t.Heartbeat*2 > t.Lease {
		c.fault("timings.heartbeat", "%s does not fit twice into the lease of %s; one lost heartbeat must not lose a run", pointsman.Span(t.Heartbeat), pointsman.Span(t.Lease))
	}
}
