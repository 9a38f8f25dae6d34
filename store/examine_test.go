package store_test

import (
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/lab"
	"github.com/pointsman/pointsman/store"
)

// What the doctor says of a store on PostgreSQL: it can be used as soon as the first fact passes, the others warn.
func TestExamineKnowsTheRoleAndTheClockOfTheStore(t *testing.T) {
	t.Parallel()
	cfg := onPostgres(t)
	as := func(dsn string) store.Config { return store.Config{Driver: "postgres", DSN: dsn} }
	super := strings.Replace(cfg.DSN, lab.Pointsman+"@", lab.Superuser+"@", 1)
	for name, tc := range map[string]struct {
		cfg  store.Config
		want []pointsman.FactResult
		says string
	}{
		"a role of its own": {cfg, []pointsman.FactResult{pointsman.Pass, pointsman.Pass, pointsman.Pass}, "the role pointsman is no superuser"},
		"a superuser":       {as(super), []pointsman.FactResult{pointsman.Pass, pointsman.Fail, pointsman.Pass}, "the role postgres is a superuser: whoever comes by storage.dsn has the whole server"},
		"nobody there":      {as("postgres://pointsman@127.0.0.1:1/app"), []pointsman.FactResult{pointsman.Fail}, "refused"},
	} {
		facts := tc.cfg.Examine(t.Context())
		text := ""
		for i, f := range facts {
			text += f.Text + "\n"
			if i < len(tc.want) && f.Result != tc.want[i] || (f.Result == pointsman.Fail) != (f.Clears != "") {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if len(facts) != len(tc.want) || !strings.Contains(text, tc.says) {
			t.Errorf("%s: %q, want %q", name, text, tc.says)
		}
	}
}
