package postgres_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	w := newWorld(t, lab.PairOptions{}, func(c *postgres.Cluster) {
		c.Nodes[0].DSN = strings.Replace(c.Nodes[0].DSN, "127.0.0.1", "pg-1.invalid", 1)
	})
	do, _ := w.byHand(t, "postgres.promote", promoteArgs)
	said, err := pasteWhole(t, lab.Superuser, do)
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
	promote, _ := w.byHand(t, "postgres.promote", promoteArgs)
	write, _ := w.byHand(t, "postgres.verify", promoteArgs)
	settings := []string{
		"PGHOSTADDR=127.0.0.9", "PGHOST=127.0.0.9", "PGPORT=1", "PGDATABASE=elsewhere", "PGTARGETSESSIONATTRS=read-only", "PGTARGETSESSIONATTRS=primary",
		"PGOPTIONS=-c default_transaction_read_only=on", "PGSERVICE=elsewhere",
	}
	for _, set := range settings {
		if said, err := pasteWhole(t, lab.Superuser, promote, "PGSERVICEFILE="+services, set); err == nil || !strings.Contains(said, "pg-2 t; pg-1 f;") {
			t.Errorf("%s: %v\n%s", set, err, said)
		}
		if said, err := pasteWhole(t, lab.Superuser, write, "PGSERVICEFILE="+services, set); err != nil || !strings.Contains(said, "INSERT 0 1") {
			t.Errorf("%s: %v\n%s", set, err, said)
		}
	}
	w.turnsAway(t)
	for _, set := range settings {
		if said, err := pasteWhole(t, lab.Superuser, promote, "PGSERVICEFILE="+services, set); err == nil || !strings.Contains(said, "pg-2 t; pg-1 said neither;") {
			t.Errorf("%s: %v\n%s", set, err, said)
		}
	}
	awaitRow(t, w.pair.Standby, "SELECT pg_is_in_recovery()")
}

// TestByHand_silence_counts_only_where_the_way_is_known: an address is its own way. The folder of a socket is a way on one machine only,
// and an interface has its name there.
func TestByHand_silence_counts_only_where_the_way_is_known(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why, host, getent string
		well              bool
	}{
		{why: "a name that is known", host: "db-1.internal", getent: `[ "$*" = "hosts db-1.internal" ]`, well: true},
		{why: "a name that is not", host: "db-1.internal", getent: "exit 2"},
		{why: "no getent here", host: "db-1.internal", getent: "exit 127"},
		{why: "an address", host: "10.0.0.1", getent: "exit 2", well: true},
		{why: "an address of IPv6", host: "2001:db8::1", getent: "exit 2", well: true},
		{why: "an address at an interface", host: "fe80::1%eth0", getent: "exit 2"},
		{why: "a socket", host: "/run/postgresql", getent: "exit 2"},
	} {
		w := &world{cluster: cluster(c.host, "db-2.internal")}
		w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
		do, _ := w.byHand(t, "postgres.promote", promoteArgs)
		cmd := exec.CommandContext(t.Context(), "sh", "-c", do[1])
		cmd.Env = stubs(t, `case "$*" in *db-2*) echo t ;; *) exit 2 ;; esac`, "exit 2", c.getent)
		said, err := cmd.CombinedOutput()
		if got := string(said); err == nil != c.well || strings.Contains(got, "NOT DONE: ") == c.well {
			t.Errorf("%s: error %v, %s", c.why, err, got)
		}
	}
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
