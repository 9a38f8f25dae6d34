package lab

import (
	"context"
	"net"
)

// A Cable leads to an island. Each has its own address at the far end.
type Cable int

// The two cables: one for those who look at a server, one for its standbys. A partition can part some from it and not others.
const (
	Front Cable = iota
	Back
)

// Island is a network namespace of its own, joined to this machine by two cables (veth pairs). Where a cable is cut, packets
// vanish: nothing is refused, a connection is half open, and a SYN has no answer. The addresses are of 198.18.0.0/15, which
// RFC 2544 keeps for tests, and each island has its own; nothing leaves the machine. The namespace has no name: the kernel
// removes it with its cables when it is closed or its owner dies, however it dies.
//
// It needs Linux, the right to make namespaces (root), and the program ip of iproute2.
type Island struct {
	cables [2]cable
	space  namespace
}

type cable struct {
	near, far string // the devices
	addr      string // the far end's
}

// Addr is the address of a server on the island through the cable.
func (i *Island) Addr(c Cable) string { return i.cables[c].addr }

// Cut takes the far ends of the cables down. What the island's own clients do goes on.
func (i *Island) Cut(ctx context.Context, cables ...Cable) error { return i.set(ctx, "down", cables) }

// Heal takes them up again.
func (i *Island) Heal(ctx context.Context, cables ...Cable) error { return i.set(ctx, "up", cables) }

func (i *Island) set(ctx context.Context, state string, cables []Cable) error {
	for _, c := range cables {
		if err := i.inside(func() error { return runIP(ctx, "link", "set", i.cables[c].far, state) }); err != nil {
			return err
		}
	}
	return nil
}

// Dial connects as a client on the island does. The address must be an IP address and a port.
func (i *Island) Dial(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	err = i.inside(func() (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, network, addr)
		return err
	})
	return conn, err
}
