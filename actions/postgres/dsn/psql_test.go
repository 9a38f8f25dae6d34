package dsn_test

import (
	"strings"
	"testing"

	"github.com/pointsman/pointsman/actions/postgres/dsn"
)

// What is pasted names the database and nobody who connects to it.
func TestPsqlLeadsWhereTheConnectionStringLeads(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"postgres://p:s3cret@pg-1/app":                      "PGOPTIONS=|psql|-Xw|-At|-h|pg-1|-p|5432|-d|dbname=app connect_timeout=5 target_session_attrs=any hostaddr=",
		"postgres://p@pg-1:5433,pg-2/app":                   "PGOPTIONS=|psql|-Xw|-At|-h|pg-1,pg-2|-p|5433,5432|-d|dbname=app connect_timeout=5 target_session_attrs=read-write hostaddr=",
		"host=2001:db8::1 port=5433 user=p dbname='a=b\\''": "PGOPTIONS=|psql|-Xw|-At|-h|2001:db8::1|-p|5433|-d|dbname='a=b\\'' connect_timeout=5 target_session_attrs=any hostaddr=",
		"host=/run/postgresql user=p dbname=app":            "PGOPTIONS=|psql|-Xw|-At|-h|/run/postgresql|-p|5432|-d|dbname=app connect_timeout=5 target_session_attrs=any hostaddr=",
	} {
		cfg, err := dsn.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := strings.Join(dsn.Psql(cfg, cfg.Database, "-At"), "|"); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// A host that cannot be joined with its port and taken apart again is still told: the plan that names it must not be lost.
func TestOneIsToldWhateverItsHostIs(t *testing.T) {
	t.Parallel()
	cfg, err := dsn.Parse("host=[::1] port=5433 user=p dbname=app")
	if err != nil {
		t.Fatal(err)
	}
	if host, port := dsn.One(cfg); host != "[::1]" || port != "5433" {
		t.Errorf("%q %q", host, port)
	}
	if got := strings.Join(dsn.Psql(cfg, "app"), " "); !strings.Contains(got, " -h [::1] -p 5433 ") { // an empty one would be the machine itself
		t.Error(got)
	}
}
