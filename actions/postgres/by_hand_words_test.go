package postgres

import (
	"strings"
	"testing"
)

// A gate tells what each node said, whatever the node is called.
func TestGateTellsANameWithAPercentSign(t *testing.T) {
	t.Parallel()
	var g gate
	n := Node{Name: "pg-50%s", Address: Address{DSN: "postgres://p@pg-1/app"}}
	g.require(g.says(n, "t"))
	if line := g.only("why", command{line: "true"}); strings.Contains(line, "%!") || !strings.Contains(line, "pg-50%s") {
		t.Error(line)
	}
}

// An address that each machine has for itself is told in every form that psql takes; a name that only looks like one is not.
func TestAnAddressThatEachMachineHasForItself(t *testing.T) {
	t.Parallel()
	const loopback, link, socket = "a loopback address", "a link-local address", "a socket as its address"
	for host, want := range map[string]string{
		"127.0.0.1": loopback, "127.9.8.7": loopback, "::1": loopback, "::ffff:127.0.0.1": loopback, "0.0.0.0": loopback, "::": loopback, "::ffff:0.0.0.0": loopback,
		"localhost": loopback, "LocalHost.": loopback, "pg-1.localhost": loopback, "::1%lo": loopback,
		"fe80::1%eth0": link, "fe80::1": link, "169.254.1.1": link, "2001:db8::1%eth0": link,
		"": socket, "/run/postgresql": socket, "@pg": socket,
		"10.0.0.1": "", "128.0.0.1": "", "2001:db8::1": "", "::2": "", "pg-1": "", "localhost.example.com": "", "mylocalhost": "",
	} {
		if got := own(host); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}
