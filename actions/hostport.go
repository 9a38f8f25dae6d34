package actions

import (
	"cmp"
	"net"
	"net/url"
)

// HostPort is host:port of an http or https address, with the port that its scheme means where it names none; empty for
// what is no address.
func HostPort(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme]))
}
