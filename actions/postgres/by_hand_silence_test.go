package postgres_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// TestByHand_a_name_that_this_machine_does_not_know_is_no_silence: pg_isready ends for it as for a server that is gone. Whoever pastes
// the promotion there, with the old primary alive, would make a second one.
func TestByHand_a_name_that_this_machine_does_not_know_is_no_silence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.PairOptions{})
	far, path := w.named(t)
	far.cluster.Nodes[0].DSN = strings.Replace(w.cluster.Nodes[0].DSN, "127.0.0.1", "pg-1.invalid", 1)
	far.Clusters = postgres.New(postgres.Config{far.cluster}, nil)
	do, _ := far.byHand(t, "postgres.promote", promoteArgs)
	said, err := pasteWhole(t, lab.Superuser, do, path)
	if err == nil || !strings.Contains(said, "NOT DONE: ") || !strings.Contains(said, "pg-1 said neither;") {
		t.Errorf("%v\n%s", err, said)
	}
	awaitRow(t, w.pair.Standby, "SELECT pg_is_in_recovery()")
}

// TestByHand_leads_where_it_says_whatever_the_person_has_set: with PGHOSTADDR every node of the line was asked at one address. A standby
// there that says t for all of them, or nobody there at all, and the line promoted beside a living primary.
func TestByHand_leads_where_it_says_whatever_the_person_has_set(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.PairOptions{})
	services := filepath.Join(t.TempDir(), "services")
	if err := os.WriteFile(services, []byte("[elsewhere]\nhostaddr=127.0.0.9\nport=1\ndbname=elsewhere\nconnect_timeout=0\ntarget_session_attrs=read-only\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	far, path := w.named(t)
	promote, _ := far.byHand(t, "postgres.promote", promoteArgs)
	write, _ := w.byHand(t, "postgres.verify", promoteArgs)
	settings := []string{
		"PGHOSTADDR=127.0.0.9", "PGHOST=127.0.0.9", "PGPORT=1", "PGDATABASE=elsewhere", "PGTARGETSESSIONATTRS=read-only", "PGTARGETSESSIONATTRS=primary",
		"PGOPTIONS=-c default_transaction_read_only=on", "PGSERVICE=elsewhere",
	}
	for _, set := range settings {
		if said, err := pasteWhole(t, lab.Superuser, promote, path, "PGSERVICEFILE="+services, set); err == nil || !strings.Contains(said, "pg-2 t; pg-1 f;") {
			t.Errorf("%s: %v\n%s", set, err, said)
		}
		if said, err := pasteWhole(t, lab.Superuser, write, "PGSERVICEFILE="+services, set); err != nil || !strings.Contains(said, "INSERT 0 1") {
			t.Errorf("%s: %v\n%s", set, err, said)
		}
	}
	w.turnsAway(t)
	for _, set := range settings {
		if said, err := pasteWhole(t, lab.Superuser, promote, path, "PGSERVICEFILE="+services, set); err == nil || !strings.Contains(said, "pg-2 t; pg-1 said neither;") {
			t.Errorf("%s: %v\n%s", set, err, said)
		}
	}
	awaitRow(t, w.pair.Standby, "SELECT pg_is_in_recovery()")
}

// TestByHand_silence_counts_only_where_the_way_is_known: an address is its own way. A loopback address and the folder of a socket are ways
// on one machine only, an interface has its name there, and a name may mean the machine itself: nobody there proves nothing.
func TestByHand_silence_counts_only_where_the_way_is_known(t *testing.T) {
	t.Parallel()
	const nobody = "pg-1 said neither;"
	itself := func(address string) string {
		return "which has " + address + ": whether it is a standby, or silent, can only be seen on its own host"
	}
	for _, c := range []struct{ why, host, getent, want string }{
		{why: "a name that is known", host: "db-1.internal", getent: `[ "$2" = db-1.internal ] && echo "10.0.0.1 $2"`, want: done},
		{why: "one that getent can show in one way only", host: "db-1.internal", getent: `[ "$1" = hosts ] && echo "10.0.0.1 $2"`, want: done},
		{why: "a name of IPv6", host: "db-1.internal", getent: `echo "::12             $2"`, want: done},
		{why: "a name that is not", host: "db-1.internal", getent: "exit 2", want: nobody},
		{why: "no getent here", host: "db-1.internal", getent: "exit 127", want: nobody},
		{why: "a getent that tells nothing", host: "db-1.internal", getent: "exit 0", want: nobody},
		{why: "a name of this machine", host: "db-1.internal", getent: `echo "127.0.1.1       $2"`, want: here},
		{why: "of IPv6", host: "db-1.internal", getent: `echo "::1             $2"`, want: here},
		{why: "of IPv4 in IPv6", host: "db-1.internal", getent: `echo "::ffff:127.0.0.1 $2"`, want: here},
		{why: "a name that leads nowhere", host: "db-1.internal", getent: `echo "0.0.0.0         $2"`, want: here},
		{why: "the same in IPv6", host: "db-1.internal", getent: `printf '::\t%s\n' "$2"`, want: here},
		{why: "one of its addresses is this machine", host: "db-1.internal", getent: `echo "10.0.0.1 $2"; [ "$1" = hosts ] || echo "127.0.0.1 STREAM"`, want: here},
		{why: "a short form of the address", host: "127.1", getent: `echo "127.0.0.1 $2"`, want: here},
		{why: "an address", host: "10.0.0.1", getent: "exit 2", want: done},
		{why: "an address of IPv6", host: "2001:db8::1", getent: "exit 2", want: done},
		{why: "a loopback address", host: "127.0.0.1", getent: known, want: itself("a loopback address")},
		{why: "localhost", host: "localhost", getent: known, want: itself("a loopback address")},
		{why: "an address at an interface", host: "fe80::1%eth0", getent: known, want: itself("a link-local address")},
		{why: "a socket", host: "/run/postgresql", getent: known, want: itself("a socket as its address")},
	} {
		w := &world{cluster: cluster(c.host, "db-2.internal")}
		w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
		do, _ := w.byHand(t, "postgres.promote", promoteArgs)
		cmd := exec.CommandContext(t.Context(), "sh", "-c", do[1])
		cmd.Env = stubs(t, `case "$*" in *db-2*) echo t ;; *) exit 2 ;; esac`, "exit 2", c.getent)
		said, err := cmd.CombinedOutput()
		if got := string(said); err == nil != (c.want == done) || strings.Contains(got, "NOT DONE: ") == (c.want == done) || !strings.Contains(got, c.want) {
			t.Errorf("%s: error %v, %s", c.why, err, got)
		}
	}
}

const (
	known = `echo "10.0.0.1 $2"` // a machine that looks up each name
	done  = "pg-2 is a primary now"
	here  = "pg-1 has a loopback address here: look on its own host;"
)

// TestByHand_what_says_t_at_a_loopback_address_is_anybody: no line asks which server answered. On the machine of the standby it is the
// standby itself, asked twice, and on that of somebody with tunnels to another cluster a server of that one, which would be promoted.
func TestByHand_what_says_t_at_a_loopback_address_is_anybody(t *testing.T) {
	t.Parallel()
	for why, hosts := range map[string][]string{
		"the other node": {"127.0.0.1", "db-2.internal"}, "the candidate": {"db-1.internal", "127.0.0.1"}, "both": {"localhost", "::1"}, "a third": {"db-1.internal", "db-2.internal", "/tmp"},
	} {
		w := &world{cluster: cluster(hosts...)}
		w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
		promote, _ := w.byHand(t, "postgres.promote", promoteArgs)
		switchover, _ := w.byHand(t, "postgres.switchover", `{"cluster":"orders","candidate":"pg-2"}`)
		for _, line := range append(promote, switchover...) {
			if !strings.Contains(line, "pg_promote") {
				continue
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
			cmd.Env = append(stubs(t, `echo "psql $*" >&2; echo t`, "exit 2", known), "final=0/1")
			said, err := cmd.CombinedOutput()
			if got := string(said); err == nil || !strings.HasPrefix(got, "NOT DONE: nothing here can ask ") || strings.Contains(got, "\npsql ") {
				t.Errorf("%s: error %v, %s", why, err, got)
			}
			if own := strings.Contains(string(said), "and run there: SELECT pg_promote"); own == (hosts[1] == "db-2.internal") {
				t.Errorf("%s: the command leads to the machine where it is pasted, or says no way: %s", why, said)
			}
		}
	}
}

// TestByHand_silence_on_the_machine_of_the_person_is_none: Pointsman reached its nodes by loopback addresses, as through tunnels. Where the
// line was pasted nobody was at that of the old primary, which took writes on its own machine, and the line promoted beside it.
func TestByHand_silence_on_the_machine_of_the_person_is_none(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.PairOptions{})
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := nobody.Close(); err != nil {
		t.Fatal(err)
	}
	// What leads to the primary from Pointsman's machine leads to nobody here.
	w.cluster.Nodes[0].DSN = strings.Replace(w.cluster.Nodes[0].DSN, w.pair.Primary.Addr(), nobody.Addr().String(), 1)
	w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
	do, _ := w.byHand(t, "postgres.promote", promoteArgs)
	said, err := pasteWhole(t, lab.Superuser, do)
	if err == nil || !strings.Contains(said, "NOT DONE: nothing here can ask pg-") || !strings.Contains(said, "pg-1, which has a loopback address: ") {
		t.Errorf("%v\n%s", err, said)
	}
	awaitRow(t, w.pair.Standby, "SELECT pg_is_in_recovery()")
}

// named is the same cluster by names, as people reach servers: by hand a loopback address is nobody's. path is that of a machine which knows
// the names; its psql and pg_isready are the real ones, led to the servers of the lab.
func (w *world) named(t *testing.T) (far *world, path string) {
	t.Helper()
	dir := t.TempDir()
	for _, tool := range []string{"psql", "pg_isready"} {
		actual, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		script := "#!/bin/sh\nfor word; do shift; case $word in *.lab) word=127.0.0.1 ;; esac; set -- \"$@\" \"$word\"; done\nexec " + actual + ` "$@"` + "\n"
		if err := os.WriteFile(filepath.Join(dir, tool), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "getent"), []byte("#!/bin/sh\ncase $2 in *.lab) echo \"10.0.0.1 $2\" ;; *) exit 2 ;; esac\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	far = &world{pair: w.pair, cluster: w.cluster}
	far.cluster.Nodes = slices.Clone(w.cluster.Nodes)
	for i, n := range far.cluster.Nodes {
		far.cluster.Nodes[i].DSN = strings.Replace(n.DSN, "127.0.0.1", n.Name+".lab", 1)
	}
	far.Clusters = postgres.New(postgres.Config{far.cluster}, nil)
	return far, "PATH=" + dir + ":" + os.Getenv("PATH")
}

// TestByHand_the_promotion_of_one_of_five_is_shown_whole: a command of more than 2,000 characters, as Slack counts them, is not on the
// card.
func TestByHand_the_promotion_of_one_of_five_is_shown_whole(t *testing.T) {
	t.Parallel()
	var hosts []string
	for i := range 5 {
		hosts = append(hosts, fmt.Sprintf("orders-db-%d.eu-central.internal.example.com", i+1))
	}
	w := &world{cluster: cluster(hosts...)}
	w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
	promote, _ := w.byHand(t, "postgres.promote", promoteArgs)
	switchover, _ := w.byHand(t, "postgres.switchover", `{"cluster":"orders","candidate":"pg-2"}`)
	for _, line := range append(promote, switchover...) {
		if n := utf8.RuneCountInString(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(line)); n > 2_000 {
			t.Errorf("%d characters: %s", n, line)
		}
	}
}

func cluster(hosts ...string) postgres.Cluster {
	c := postgres.Cluster{Name: "orders", Database: "app"}
	for i, host := range hosts {
		c.Nodes = append(c.Nodes, postgres.Node{Name: "pg-" + string(rune('1'+i)), Address: postgres.Address{DSN: "host=" + host + " user=p dbname=app"}})
	}
	return c.WithDefaults()
}

// TestByHand_no_command_waits_for_ever: psql sits without an end at a server that takes the connection and hangs, and never comes to the
// next host of the clients' address. At a prompt for a password it takes the next pasted line for one.
func TestByHand_no_command_waits_for_ever(t *testing.T) {
	t.Parallel()
	c := cluster("db-1", "db-2")
	c.Clients.DSN = "postgres://p@db-1,db-2/app"
	c.Fence.Ladder = []string{"revoke", "pooler"}
	c.Poolers = []postgres.Pooler{{Name: "pgb-1", Ini: "/etc/pgbouncer/pgbouncer.ini", Console: postgres.Address{DSN: "postgres://p@pgb/pgbouncer"}}}
	w := &world{cluster: c}
	w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
	for kind, with := range map[string]string{
		"postgres.fence": fenceArgs, "postgres.promote": promoteArgs, "postgres.verify": promoteArgs, "postgres.switchover": `{"cluster":"orders","candidate":"pg-2"}`,
		"postgres.terminate": `{"cluster":"orders","node":"pg-1","user":"worker"}`, "postgres.checkpoint": `{"cluster":"orders","node":"pg-2"}`,
		"pgbouncer.pause": switchArgs, "pgbouncer.resume": switchArgs, "pgbouncer.repoint": `{"cluster":"orders","to":"pg-2","resume":true}`,
	} {
		do, undo := w.byHand(t, kind, with)
		all := strings.Join(append(do, undo...), "\n")
		if n := strings.Count(all, "psql -"); n == 0 || strings.Count(all, "psql -Xw") != n || strings.Count(all, " connect_timeout=5 target_session_attrs=") != n {
			t.Errorf("%s:\n%s", kind, all)
		}
	}
}
