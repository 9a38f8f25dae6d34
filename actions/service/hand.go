package service

import (
	"net/http"
	"net/url"
	"strconv"
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
// are wanted. A user of the address is left out with the password, because some services take a token as either.
func (h Health) byHand() []string {
	u, err := url.Parse(h.URL)
	if err != nil {
		return nil
	}
	ask := []string{"--noproxy", "*", "--max-time", "10", "-L", "--max-redirs", "3"}
	if u.User != nil {
		ask, u.User = append(ask, "-u", "USER"), nil // curl asks for the password
	}
	body := func(flags string) string {
		line := actions.Shell(append(append([]string{"curl", flags}, ask...), u.String())...)
		if h.Contains != "" && !strings.Contains(h.Contains, "\n") { // grep would take any one of several lines
			line += " | " + actions.Shell("grep", "-F", "-e", h.Contains)
		}
		return line
	}
	if h.status() == http.StatusOK {
		return []string{body("-gfsS")}
	}
	status := append(append([]string{"curl", "-gsS"}, ask...), "-o", "/dev/null", "-w", `%{http_code}\n`, u.String())
	out := []string{actions.Shell(status...) + " | " + actions.Shell("grep", "-x", strconv.Itoa(h.status()))}
	if h.Contains != "" {
		out = append(out, body("-gsS"))
	}
	return out
}
