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
