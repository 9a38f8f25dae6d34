package postgres

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman/cmd/lab"
)

// readable are all forms of the server's own grammar.
func readable() map[string]syncSetting {
	return map[string]syncSetting{
		`pg_1`:                     {1, []string{"pg_1"}},
		`a, b ,c`:                  {1, []string{"a", "b", "c"}},
		`*`:                        {1, []string{"*"}},
		`"pg-1"`:                   {1, []string{"pg-1"}},
		`"say ""hi"", (x)"`:        {1, []string{`say "hi", (x)`}},
		`FIRST 2 (a, "b-c", *)`:    {2, []string{"a", "b-c", "*"}},
		"any\t1(a)":                {1, []string{"a"}},
		`ANY 2 ("any", "FIRST",1)`: {2, []string{"any", "FIRST", "1"}},
		`2 (a, b)`:                 {2, []string{"a", "b"}},
		`1`:                        {1, []string{"1"}},
		`1, 2`:                     {1, []string{"1", "2"}},
		`größe$1`:                  {1, []string{"größe$1"}},
		`"ANY", b`:                 {1, []string{"ANY", "b"}},
	}
}

// unreadable are texts that no server takes; what they would mean is unknown.
func unreadable() []string {
	return []string{
		`pg-1`, ` `, `,`, `a,`, `,a`, `a b`, `"a`, `ANY`, `ANY a`, `ANY 1 a`, `any, b`, `ANY 1 (a`, `1 (a`, `1 a)`, `0 (a)`, `FIRST 0 (a)`,
		`"1" (a)`, `a (b)`, `ANY 1 ()`, `ANY 1 (a) b`, `ANY 1 (a), b`, `ANY 1 ((a))`, `ANY 1 (ANY)`, `-1 (a)`, `99999999999999999999 (a)`,
		`a;b`, `EACH 1 (a)`, `ANY 1 (a) (b)`,
	}
}

func TestParseSyncNames(t *testing.T) {
	t.Parallel()
	for text, want := range readable() {
		got, err := parseSyncNames(text)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(syncSetting{})); err != nil || diff != "" {
			t.Errorf("%s: %v %s", text, err, diff)
		}
	}
}

func TestParseSyncNames_takes_nothing_that_it_cannot_read(t *testing.T) {
	t.Parallel()
	for _, text := range unreadable() {
		if got, err := parseSyncNames(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

// TestParseSyncNames_agrees_with_a_server: it takes what we read, and nothing else.
func TestParseSyncNames_agrees_with_a_server(t *testing.T) {
	t.Parallel()
	server := lab.NewPostgres(t, lab.PostgresOptions{InMemory: true})
	takes := func(text string) error {
		return server.Exec(t.Context(), "ALTER SYSTEM SET synchronous_standby_names = '"+strings.ReplaceAll(text, "'", "''")+"'")
	}
	for text := range readable() {
		if err := takes(text); err != nil {
			t.Errorf("we read %s: %v", text, err)
		}
	}
	for _, text := range unreadable() {
		if takes(text) == nil {
			t.Errorf("the server takes %q", text)
		}
	}
}

func TestSyncSetting_names_stand_for_whom_the_server_takes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text, name string
		has        bool
	}{
		{`PG_1, b`, "pg_1", true},
		{`"Pg-1"`, "pg-1", true},
		{`pg_1`, "pg_10", false},
		{`a`, "", false},
		{`*`, "walreceiver", true},
		{`a, *`, "x", true},
		{`"*"`, "x", true},
	} {
		s, err := parseSyncNames(tc.text)
		if err != nil || s.has(tc.name) != tc.has {
			t.Errorf("%s and %q: %t, %v", tc.text, tc.name, s.has(tc.name), err)
		}
	}
}
