package app

import (
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/bot"
	"github.com/pointsman/pointsman/configs"
	"github.com/pointsman/pointsman/store"
)

// Roblox could not see its failure because its monitoring stood on what had failed (guard G25).
func TestPointsmanMustNotStandOnWhatItRepairs(t *testing.T) {
	t.Parallel()
	node := func(addr string) postgres.Config {
		return postgres.Config{{Name: "orders", Nodes: []postgres.Node{{Name: "pg-1", Address: postgres.Address{DSN: "postgres://p@" + addr + "/app"}}}}}
	}
	pg := func(addr string) store.Config {
		return store.Config{Driver: "postgres", DSN: "postgres://own@" + addr + "/pointsman"}
	}
	for _, c := range []struct {
		name  string
		store store.Config
		slack string
		node  string
		want  string
	}{
		{"the same server", pg("127.0.0.1:5432"), "", "127.0.0.1:5432", "HARD our own store is the server 127.0.0.1:5432"},
		{"the same server by another name", pg("localhost:5432"), "", "127.0.0.1:5432", "HARD our own store is the server 127.0.0.1:5432"},
		{"another server on the same machine", pg("127.0.0.1:5433"), "", "127.0.0.1:5432", "WARN our own store is on the machine of 127.0.0.1:5432"},
		{"another machine", pg("192.0.2.9:5432"), "", "192.0.2.10:5432", ""},
		{"our own machine", store.Config{Path: "p.db"}, "", "127.0.0.1:5432", "WARN our own process and its SQLite file is on the machine"},
		{"a chat of our own on a target", pg("192.0.2.9:5432"), "http://192.0.2.10:8065/api/", "192.0.2.10:5432", "WARN the chat is on the machine of 192.0.2.10:5432"},
	} {
		cfg := configs.Default()
		cfg.Storage, cfg.Targets.Postgres = c.store, node(c.node)
		cfg.Slack = bot.Config{Enabled: c.slack != "", APIURL: c.slack}
		var got []string
		for _, f := range Entanglements(t.Context(), &cfg) {
			if !strings.Contains(f.Text, "the name server") { // this machine's own
				got = append(got, string(f.Kind)+" "+f.Text)
			}
			if f.Guard != "G25" || f.Clears == "" || f.Result != pointsman.Fail {
				t.Errorf("%s: %+v lacks guard or remedy", c.name, f)
			}
		}
		if all := strings.Join(got, "\n"); c.want == "" && all != "" || !strings.Contains(all, c.want) {
			t.Errorf("%s: %q, want %q", c.name, all, c.want)
		}
	}
}
