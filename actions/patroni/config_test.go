package patroni_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/patroni"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	good := func() patroni.Cluster {
		return patroni.Cluster{Name: "orders", Scope: "orders", Members: []patroni.Member{{Name: "pg-1", URL: "https://pg-1.example:8008"}, {Name: "pg-2", URL: "https://pg-2.example:8008"}}}
	}
	for want, change := range map[string]func(c *patroni.Cluster){
		"":                              func(*patroni.Cluster) {},
		"a cluster needs a name":        func(c *patroni.Cluster) { c.Name = "" },
		"Patroni's scope":               func(c *patroni.Cluster) { c.Scope = "" },
		"1 member, a switchover needs":  func(c *patroni.Cluster) { c.Members = c.Members[:1] },
		"a member needs a name":         func(c *patroni.Cluster) { c.Members[1].Name = "pg-1" },
		"the URL of its REST API":       func(c *patroni.Cluster) { c.Members[0].URL = "pg-1:8008" },
		"does not belong into the URL":  func(c *patroni.Cluster) { c.Members[0].URL = "https://u:" + canary + "@pg-1:8008" },
		"password_file or password":     func(c *patroni.Cluster) { c.Username, c.Password, c.PasswordFile = "u", canary, "f" },
		"username and password_file":    func(c *patroni.Cluster) { c.Username = "u" },
		"cert_file and key_file":        func(c *patroni.Cluster) { c.CertFile = "f" },
		"3 members are asked for":       func(c *patroni.Cluster) { c.Quorum = 3 },
		"-1s is negative":               func(c *patroni.Cluster) { c.ReadTimeout = -1e9 },
		"is no lower-case table name":   func(c *patroni.Cluster) { c.HeartbeatTable = "x; DROP TABLE y" },
		"dsn_file or dsn, not both":     func(c *patroni.Cluster) { c.Clients = patroni.Clients{DSN: "x", DSNFile: "y"} },
		"connection string cannot be r": func(c *patroni.Cluster) { c.Clients.DSN = "postgres://u:" + canary + "@h:port/x" },
	} {
		c := good()
		change(&c)
		var told []string
		for _, f := range (patroni.Config{c}).Validate() {
			told = append(told, f.Text)
		}
		if (want == "") != (len(told) == 0) || !strings.Contains(strings.Join(told, "; "), want) || strings.Contains(strings.Join(told, ""), canary) {
			t.Errorf("told is %q, want %q", told, want)
		}
	}
	if f := (patroni.Config{good(), good()}).Validate(); len(f) != 1 || f[0].Path != "[1].name" {
		t.Errorf("a name that stands twice: %v", f)
	}
}

// TestExamine: what the doctor says of a cluster before anything burns.
func TestExamine(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(f *fake, c *patroni.Cluster){
		"": func(*fake, *patroni.Cluster) {},
		"HARD patroni/orders members that tell who leads: 2 of 3 members tell who leads, wanted are at least 3; pg-3 does not (EOF)": func(f *fake, _ *patroni.Cluster) { f.members[2].silent = true },
		`HARD patroni/orders identity: pg-1 belongs to the scope "orders", configured is "ledger"`:                                   func(_ *fake, c *patroni.Cluster) { c.Scope = "ledger" },
		"HARD patroni/orders leader: pg-1 and pg-3 say that they are primary: that is a split brain":                                 func(f *fake, _ *patroni.Cluster) { f.members[2].writes = true },
		"HARD patroni/orders certificates: ca_file: open missing.crt: no such file or directory":                                     func(_ *fake, c *patroni.Cluster) { c.CAFile = "missing.crt" },
		"HARD patroni/orders clients' address: the clients' address cannot be read through: no connection to a server that takes writes": func(_ *fake, c *patroni.Cluster) {
			c.Clients.DSN = "postgres://u:" + canary + "@127.0.0.1:1/x"
		},
		"HARD patroni/orders clients' address: the clients' address cannot be read through: no connection to a server that takes writes\n" +
			"WARN patroni/orders clients' address goes on to the next host: its DSN names 2 hosts and no connect_timeout: where the first one hangs, nobody comes to the next, and no move of the leadership is proven": func(_ *fake, c *patroni.Cluster) {
			c.Clients.DSN = "postgres://u:" + canary + "@127.0.0.1:1,127.0.0.1:2/x"
		},
	} {
		f := newFake(t)
		c := f.config()
		change(f, &c)
		var told []string
		for _, fact := range patroni.New(patroni.Config{c}).Examine(t.Context()) {
			if fact.Result != pointsman.Pass {
				told = append(told, string(fact.Kind)+" "+fact.Name+": "+fact.Text)
			}
		}
		if diff := cmp.Diff(want, strings.Join(told, "\n")); diff != "" {
			t.Error(diff)
		}
	}
}
