package app

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/configs"
)

// need is something without which Pointsman cannot work, and where it is.
type need struct{ what, addr string }

// Entanglements finds what Pointsman needs and would have to repair (guard G25): its own store, name server, chat or
// pager on a server that is a target. The same server is a fault, the same machine a warning: a failover of the target
// then takes the tool away in the middle of it.
func Entanglements(ctx context.Context, cfg *configs.Config) []pointsman.Fact {
	return entanglements(ctx, cfg, "/etc/resolv.conf")
}

// entanglements reads the name servers of the given file.
func entanglements(ctx context.Context, cfg *configs.Config, resolvConf string) []pointsman.Fact {
	t := cfg.Targets
	targets := map[string][]string{}
	for _, more := range []map[string][]string{t.Postgres.Addresses(), t.KillSwitch.Addresses(), t.Patroni.Addresses(), t.Service.Addresses(), t.Endpoint.Addresses()} {
		for key, addrs := range more {
			targets[key] = append(targets[key], addrs...)
		}
	}
	all := needs(cfg, resolvConf)
	where := resolve(ctx, all, targets)
	var out []pointsman.Fact
	for _, n := range all {
		for _, key := range slices.Sorted(maps.Keys(targets)) {
			if f, bad := where.worst(n, key, targets[key]); bad {
				out = append(out, f)
			}
		}
	}
	return out
}

// resolveWithin bounds the names of all of it together: a server that starts in an outage must not wait for a name server
// that is away.
const resolveWithin = 2 * time.Second

// machines are the addresses behind host names. What does not resolve is on no machine that we know.
type machines map[string][]string

// resolve asks for all names at once, each once.
func resolve(ctx context.Context, all []need, targets map[string][]string) machines {
	where := machines{}
	for _, n := range all {
		where[host(n.addr)] = nil
	}
	for _, addrs := range targets {
		for _, addr := range addrs {
			where[host(addr)] = nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, resolveWithin)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, name := range slices.Collect(maps.Keys(where)) {
		if name == "" {
			continue
		}
		wg.Go(func() {
			if found, err := net.DefaultResolver.LookupHost(ctx, name); err == nil {
				mu.Lock()
				defer mu.Unlock()
				where[name] = found
			}
		})
	}
	wg.Wait()
	return where
}

// host is empty for what has no host and port.
func host(addr string) string {
	h, _, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	return h
}

// worst is what most stands against a need and a target: one line is enough for both.
func (w machines) worst(n need, key string, addrs []string) (found pointsman.Fact, bad bool) {
	if n.addr == "" && strings.HasPrefix(key, "service/") {
		return found, false // what restarts a service beside us leaves us alone
	}
	for _, addr := range addrs {
		if f, ok := w.entangled(n, key, addr); ok && (!bad || f.Kind == pointsman.Hard && found.Kind != pointsman.Hard) {
			found, bad = f, true
		}
	}
	return found, bad
}

// sameDatabase finds our own store in a cluster that is a target by what the servers say of themselves: another name, a
// pooler or a proxy hides it from every comparison of addresses (guard G25).
func sameDatabase(ctx context.Context, cfg *configs.Config, clusters *postgres.Clusters) []pointsman.Fact {
	own, err := cfg.Storage.SystemID(ctx)
	if own == "" || err != nil {
		return nil // SQLite; or the line about the store says what is wrong with it
	}
	var out []pointsman.Fact
	identities := clusters.Identities(ctx)
	for _, key := range slices.Sorted(maps.Keys(identities)) {
		if identities[key] != own {
			continue
		}
		f := problemFact("our own store in "+key, "our own store is a database of this cluster: both say the system identifier "+own+", so a failover would take it away", "move our store to a server that is no target")
		f.Guard = "G25"
		out = append(out, f)
	}
	return out
}

// needs lists what is needed. SQLite lives on the machine of this process.
func needs(cfg *configs.Config, resolvConf string) []need {
	var out []need
	for _, addr := range cfg.Storage.Addresses() {
		out = append(out, need{"our own store", addr})
	}
	if len(out) == 0 {
		out = append(out, need{"our own SQLite file", ""})
	}
	if cfg.Slack.Enabled {
		out = append(out, need{"the chat", cmp.Or(actions.HostPort(cfg.Slack.APIURL), "slack.com:443")})
	}
	if cfg.PagerDuty.Enabled() {
		out = append(out, need{"the pager", cfg.PagerDuty.Address()})
	}
	probes := cfg.Targets.Postgres.ProbeAddresses()
	for _, name := range slices.Sorted(maps.Keys(probes)) {
		out = append(out, need{"the probe " + name, probes[name]})
	}
	for _, server := range nameServers(resolvConf) {
		out = append(out, need{"the name server", net.JoinHostPort(server, "53")})
	}
	return out
}

func nameServers(file string) []string {
	f, err := os.Open(file)
	if err != nil {
		return nil // no such file on this system; nothing is known then
	}
	defer f.Close()
	var out []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if word := strings.Fields(lines.Text()); len(word) >= 2 && word[0] == "nameserver" {
			out = append(out, word[1])
		}
	}
	return out
}

// entangled compares a need with a target's server.
func (w machines) entangled(n need, target, addr string) (pointsman.Fact, bool) {
	f := pointsman.Fact{
		Guard: "G25", Kind: pointsman.Warn, Name: n.what + " and " + target, Value: "one machine", Result: pointsman.Fail, At: time.Now(),
		Clears: "move one of them: what must be repaired must not be needed for the repair",
	}
	theirs, ours := w[host(addr)], w[host(n.addr)]
	switch {
	case n.addr != "" && n.addr == addr, n.addr != "" && port(n.addr) == port(addr) && meet(ours, theirs):
		f.Kind, f.Value = pointsman.Hard, "one server"
		f.Text = fmt.Sprintf("%s is the server %s, which is a part of %s: a failover would take it away", n.what, addr, target)
	case n.addr == "" && meet(ownIPs(), theirs), n.addr != "" && meet(ours, theirs):
		f.Text = fmt.Sprintf("%s is on the machine of %s, which is a part of %s", n.what, addr, target)
	default:
		return f, false
	}
	return f, true
}

func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}

func meet(a, b []string) bool {
	return slices.ContainsFunc(a, func(ip string) bool { return slices.Contains(b, ip) })
}

func ownIPs() []string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []string
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			out = append(out, n.IP.String())
		}
	}
	return out
}
