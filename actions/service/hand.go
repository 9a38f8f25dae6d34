package service

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/pointsman/pointsman/actions"
)

var (
	_ actions.Handy = check{}
	_ actions.Handy = run{}
)

// ByHand implements actions.Handy: the configured command itself. What takes it back nobody knows.
func (k run) ByHand(in actions.Input) (do, undo []string) {
	c, err := k.find(in)
	if err != nil {
		return nil, nil
	}
	return []string{actions.Shell(c.argv...)}, nil
}

// ByHand implements actions.Handy: each address is asked once. There is nothing to take back.
func (k check) ByHand(in actions.Input) (do, undo []string) {
	w, err := k.args(in)
	if err != nil {
		return nil, nil
	}
	t, err := k.pickHealthy(w, in)
	if err != nil {
		return nil, nil
	}
	for _, h := range t.Health {
		do = append(do, h.byHand()...)
	}
	return do, nil
}

// byHand asks like the doctor: without a proxy, at most 3 redirects, and it ends well only with the status and the text that
// are wanted. A redirect to another host does not count there, for the page of a login says 200 as well; curl has no word for
// that, so the address at which it ended is looked at. A user of the address is left out with the password, because some services
// take a token as either.
func (h Health) byHand() []string {
	u, err := url.Parse(h.URL)
	if err != nil {
		return nil
	}
	ask := []string{"curl", "-gsS", "--noproxy", "*", "--max-time", "10", "-L", "--max-redirs", "3"}
	if u.User != nil {
		ask, u.User = append(ask, "-u", "USER"), nil // curl asks for the password
	}
	status := append(ask[:len(ask):len(ask)], "-o", "/dev/null", "-w", `%{http_code} %{url_effective}\n`, u.String())
	well := fmt.Sprintf("^%d [a-z]+://%s([/?#]|$)", h.status(), regexp.QuoteMeta(u.Host))
	out := []string{actions.Shell(status...) + " | " + actions.Shell("grep", "-E", "-e", well)}
	if h.Contains != "" {
		line := actions.Shell(append(ask[:len(ask):len(ask)], u.String())...)
		if !strings.Contains(h.Contains, "\n") { // grep would take any one of several lines
			line += " | " + actions.Shell("grep", "-F", "-e", h.Contains)
		}
		out = append(out, line)
	}
	return out
}
