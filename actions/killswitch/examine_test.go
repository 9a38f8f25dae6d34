package killswitch_test

import (
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/killswitch"
)

func TestExamineFindsASwitchThatCannotBeThrown(t *testing.T) {
	t.Parallel()
	pg, s := server(t, table+released)
	exec(t, pg, `CREATE TABLE guarded (LIKE kill_switch_state)`)
	for _, c := range []struct {
		name string
		edit func(*killswitch.Switch)
		want string
	}{
		{"ready", func(*killswitch.Switch) {}, ""},
		{"no such table", func(s *killswitch.Switch) { s.Table = "elsewhere" }, "the table elsewhere is not there"},
		{"no right", func(s *killswitch.Switch) { s.Table = "guarded" }, "GRANT SELECT, INSERT, UPDATE ON guarded"},
		{"no row", func(s *killswitch.Switch) { s.ID = 7 }, "has no row 7, so the switch counts as engaged"},
		{"nobody there", func(s *killswitch.Switch) { s.DSN = "postgres://pointsman@127.0.0.1:1/app" }, "cannot be reached"},
	} {
		changed := s
		c.edit(&changed)
		f := killswitch.Config{changed}.Examine(t.Context())[0]
		if bad := f.Result != pointsman.Pass; bad != (c.want != "") || !strings.Contains(f.Text+"; "+f.Clears, c.want) {
			t.Errorf("%s: %+v, want %q", c.name, f, c.want)
		}
	}
}

// When a switch was thrown is written by its database's clock: people who compare it with other logs must be able to.
func TestExamineComparesTheClockOfTheSwitch(t *testing.T) {
	t.Parallel()
	pg, right := server(t, table+released)
	exec(t, pg, `CREATE SCHEMA ahead; GRANT USAGE ON SCHEMA ahead TO public; CREATE FUNCTION ahead.clock_timestamp() RETURNS timestamptz
		LANGUAGE sql AS $$ SELECT pg_catalog.clock_timestamp() + interval '1 hour' $$`)
	swayed, nobody := right, right
	swayed.DSN += "&search_path=public,ahead,pg_catalog"
	nobody.DSN = "postgres://pointsman@127.0.0.1:1/app"
	for _, c := range []struct {
		name   string
		is     killswitch.Switch
		facts  int
		result pointsman.FactResult
		says   string
	}{
		{"right", right, 2, pointsman.Pass, "from ours, limit 2s"},
		{"a function of that name is not its clock", swayed, 2, pointsman.Pass, "from ours, limit 2s"},
		{"nobody there", nobody, 1, pointsman.Fail, "cannot be reached"},
	} {
		facts := killswitch.Config{c.is}.Examine(t.Context())
		last := facts[len(facts)-1]
		if len(facts) != c.facts || last.Result != c.result || !strings.Contains(last.Text, c.says) || (last.Result == pointsman.Fail) != (last.Clears != "") {
			t.Errorf("%s: %+v, want %d facts and %q", c.name, facts, c.facts, c.says)
		}
	}
}
