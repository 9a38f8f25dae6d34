package postgres

import (
	"net/netip"
	"strings"
)

// ownAddress is the error of an address that leads to another server wherever it is pasted. It holds what kind of address that is.
type ownAddress string

func (a ownAddress) Error() string {
	return "which has " + string(a) + ": whether it is a standby, or silent, can only be seen on its own host"
}

// anywhere is the node's host, if it is the same one wherever a person pastes a line. Of any other the line may promote neither on what is said
// there nor on silence: that may be another server's, or nobody's, while the node takes writes on its own machine.
func (n Node) anywhere() (host string, err error) {
	cfg, err := n.single()
	if err != nil {
		return "", err
	}
	if kind := own(cfg.Host); kind != "" {
		return "", ownAddress(kind)
	}
	return cfg.Host, nil
}

// own is what kind of address each machine has for itself; empty for every other. What a name leads to is asked where the line is pasted.
func own(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		switch ip := ip.Unmap(); {
		case ip.IsLoopback(), ip.IsUnspecified(): // the unspecified one is connected to as the machine itself
			return "a loopback address"
		case ip.IsLinkLocalUnicast(), ip.Zone() != "": // an interface has another name elsewhere, and another network behind it
			return "a link-local address"
		}
		return ""
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	switch {
	case name == "" || strings.ContainsAny(name[:1], "/@"): // psql takes no host, the folder of a socket and an abstract one for a socket
		return "a socket as its address"
	case name == "localhost" || strings.HasSuffix(name, ".localhost"):
		return "a loopback address"
	}
	return ""
}
