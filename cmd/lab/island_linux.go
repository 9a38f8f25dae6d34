package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// namespace keeps a network namespace alive by an open file.
type namespace struct{ file *os.File }

// NewIsland makes the namespace and lays the cables.
func NewIsland(ctx context.Context) (*Island, error) {
	i := &Island{}
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("new network namespace: %w; it needs root, and a container needs CAP_SYS_ADMIN and CAP_NET_ADMIN", err)
		}
		var err error
		i.space.file, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
		return err
	})
	if err != nil {
		return nil, err
	}
	err = i.inside(func() error { return runIP(ctx, "link", "set", "lo", "up") })
	for c := range i.cables {
		if err == nil {
			i.cables[c], err = i.lay(ctx, fmt.Sprintf("cable%d", c))
		}
	}
	if err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return i, nil
}

// lay makes a pair of devices. The near one's name holds the number of the network, so that the kernel itself refuses a
// number that somebody else on this machine has taken.
func (i *Island) lay(ctx context.Context, far string) (cable, error) {
	var last error
	for range 50 {
		n := rand.IntN(1 << 15) // networks of four addresses in 198.18.0.0/15
		c := cable{near: fmt.Sprintf("pointsman%04x", n), far: far, addr: network(n, 2)}
		last = runIP(ctx, "link", "add", c.near, "type", "veth", "peer", "name", far, "netns", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), i.space.file.Fd()))
		if last == nil {
			return c, i.plug(ctx, c, network(n, 1))
		}
		if !strings.Contains(last.Error(), "exists") {
			break
		}
	}
	return cable{}, last
}

func network(n, host int) string {
	at := n<<2 | host
	return fmt.Sprintf("198.%d.%d.%d", 18+at>>16, at>>8&0xff, at&0xff)
}

func (i *Island) plug(ctx context.Context, c cable, near string) error {
	var mac string
	err := i.inside(func() error {
		if err := runIP(ctx, "addr", "add", c.addr+"/30", "dev", c.far); err != nil {
			return err
		}
		text, err := ip(ctx, "-brief", "link", "show", c.far)
		if fields := strings.Fields(text); len(fields) > 2 {
			mac = fields[2]
		}
		return errors.Join(err, runIP(ctx, "link", "set", c.far, "up"))
	})
	if err != nil {
		return err
	}
	return errors.Join(
		runIP(ctx, "addr", "add", near+"/30", "dev", c.near),
		runIP(ctx, "link", "set", c.near, "up"),
		// Without a fixed neighbour the kernel would notice the silence itself and refuse: "no route to host".
		runIP(ctx, "neigh", "replace", c.addr, "lladdr", mac, "dev", c.near, "nud", "permanent"),
	)
}

// Close lets the kernel remove the namespace. The servers in it must have been stopped before.
func (i *Island) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	var faults []error
	for _, c := range i.cables {
		if c.near != "" { // at once, not when the kernel finds time
			faults = append(faults, runIP(ctx, "link", "delete", c.near))
		}
	}
	return errors.Join(append(faults, i.space.file.Close())...)
}

// inside runs f on a thread that is in the island's namespace.
func (i *Island) inside(f func() error) error {
	return onThread(func() error {
		if err := i.space.enter(); err != nil {
			return err
		}
		return f()
	})
}

// enter takes the calling thread into the namespace; it must be locked, and end with its goroutine.
func (n namespace) enter() error {
	if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the network namespace: %w", err)
	}
	return nil
}

// onThread runs f on a thread of its own, which is not used again: it stays where f has taken it.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the runtime ends the thread
		done <- f()
	}()
	return <-done
}

func runIP(ctx context.Context, args ...string) error {
	_, err := ip(ctx, args...)
	return err
}

func ip(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return "", errors.New("the program ip is not in PATH: install iproute2 (cmd/scripts/install-deps.sh iproute2)")
	}
	if err != nil {
		return "", fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}
