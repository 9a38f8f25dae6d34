package pagerduty

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"time"

	"github.com/pointsman/pointsman"
)

// keyForm is how PagerDuty writes the integration keys of its Events API v2.
// https://support.pagerduty.com/main/docs/services-and-integrations
var keyForm = regexp.MustCompile(`^[0-9A-Za-z]{32}$`)

// Examine looks whether somebody could be paged: the address answers, and every service has a key that looks like one. A
// page cannot be tried without waking somebody, so whether a key is right is not told.
func (c Config) Examine(ctx context.Context) []pointsman.Fact {
	addr := c.Address()
	out := []pointsman.Fact{{Name: "pager", Text: "PagerDuty answers at " + addr + "; whether the keys are right only a page can tell"}}
	d := net.Dialer{Timeout: 3 * time.Second}
	if conn, err := d.DialContext(ctx, "tcp", addr); err == nil {
		_ = conn.Close() // nothing was said on it
	} else {
		out[0].Text, out[0].Clears = "PagerDuty cannot be reached: "+err.Error(), "open "+addr+" in the firewall, or set pagerduty.events_url"
	}
	for _, s := range c.Services {
		f := pointsman.Fact{Kind: pointsman.Hard, Name: "pager key of " + s.Name, Text: "it has the form of a routing key"}
		switch key, err := s.key(); {
		case err != nil:
			f.Text, f.Clears = err.Error(), "write the integration key of the service's Events API v2 integration there"
		case !keyForm.MatchString(key): // never shown
			f.Kind, f.Clears = pointsman.Warn, "copy the integration key of an Events API v2 integration; a key of another kind is refused"
			f.Text = fmt.Sprintf("the key has %d characters; PagerDuty's have 32 letters and digits", len(key))
		}
		out = append(out, f)
	}
	for i := range out {
		f := &out[i]
		f.Source, f.At, f.Value, f.Result = "pagerduty", time.Now(), "ready", pointsman.Pass
		if f.Kind == "" {
			f.Kind = pointsman.Hard
		}
		if f.Clears != "" {
			f.Value, f.Result = "not ready", pointsman.Fail
		}
	}
	return out
}

// Address is host:port of the Events API.
func (c Config) Address() string {
	u, err := url.Parse(c.EventsURL)
	if err != nil || u.Host == "" {
		u, _ = url.Parse(defaultURL)
	}
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
}
