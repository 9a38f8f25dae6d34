package killswitch_test

import (
	"context"
	"encoding/json"
	"net"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/killswitch"
)

func byHand(t *testing.T, s killswitch.Switch, name, with string) (do, undo []string) {
	t.Helper()
	in := input("")
	in.With = json.RawMessage(with)
	return kind(t, watcher(t, s), name).(actions.Handy).ByHand(in)
}

// pasted is what a shell makes of the lines, as a person whose own user may write the table.
func pasted(t *testing.T, lines []string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := osexec.CommandContext(ctx, "sh", "-ec", strings.Join(lines, "\n"))
	cmd.Env = append(os.Environ(), "PGUSER=pointsman")
	cmd.WaitDelay = time.Second // psql outlives the shell
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v (psql of postgresql-client is needed): %s", err, out)
	}
	return string(out)
}

func TestWhatIsPastedByHandDoesWhatTheStepDoes(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]string{"a row": released, "no row": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pg, s := server(t, table+row)
			engage, undo := byHand(t, s, killswitch.KindEngage, `{"switch":"trading"}`)
			if undo != nil {
				t.Errorf("an aborted run offers to release: %q", undo)
			}
			release, again := byHand(t, s, killswitch.KindRelease, `{"switch":"trading"}`)
			look, _ := byHand(t, s, killswitch.KindVerify, `{"switch":"trading","want":"engaged"}`)
			stands := func(want bool) {
				t.Helper()
				engaged, reason, at := stored(t, pg.SuperuserDSN())
				if engaged != want || reason != "INC-7: by hand" || time.Since(at) > time.Hour {
					t.Errorf("engaged %t, reason %q, updated %s; want engaged %t", engaged, reason, at, want)
				}
			}
			pasted(t, engage)
			stands(true)
			_, _, first := stored(t, pg.SuperuserDSN())
			pasted(t, engage)
			if _, _, second := stored(t, pg.SuperuserDSN()); !second.Equal(first) {
				t.Error("what is engaged already was written again")
			}
			if out := pasted(t, look); !strings.Contains(out, " t       | INC-7: by hand | ") {
				t.Errorf("the look shows\n%s", out)
			}
			if err := osexec.CommandContext(t.Context(), "sh", "-ec", release[1]).Run(); err == nil {
				t.Error("a release that names no row was taken")
			}
			stands(true)
			fields := strings.Split(pasted(t, release[:1]), "|")
			pasted(t, []string{strings.ReplaceAll(release[1], "UPDATED_AT", "2026-01-01 00:00:00+00")})
			stands(true)
			pasted(t, []string{strings.ReplaceAll(release[1], "UPDATED_AT", strings.TrimSpace(fields[len(fields)-2]))})
			stands(false)
			pasted(t, again)
			stands(true)
		})
	}
}

func TestByHandNamesTheDatabaseAndNobodyWhoConnects(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(file, []byte("postgres://trader:"+password+"@db-1:5433,[2001:db8::1]/ops?target_session_attrs=read-write&sslmode=disable\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const (
		row  = ` FROM "ops"."halt" WHERE id OPERATOR(pg_catalog.=) 3`
		look = "SELECT engaged, reason, updated_at, pg_catalog.pg_is_in_recovery() AS standby" + row
	)
	for dsn, want := range map[string]string{
		file:           `PGTZ=UTC PGOPTIONS= psql -Xw -v ON_ERROR_STOP=1 -h db-1,2001:db8::1 -p 5433,5432 -d 'dbname=ops connect_timeout=5 target_session_attrs=read-write hostaddr=' -c '` + look + `'`,
		file + "-gone": `echo 'NOT DONE: connect to the database of kill switch trading, whose connection string could not be read for this plan, and run there: ` + look + `;'; false`,
		"one":          `PGTZ=UTC PGOPTIONS= psql -Xw -v ON_ERROR_STOP=1 -h db-1 -p 5432 -d 'dbname=ops connect_timeout=5 target_session_attrs=any hostaddr=' -c '` + look + `'`,
	} {
		s := killswitch.Switch{Name: "trading", DSNFile: dsn, Table: "ops.halt", ID: 3}
		if dsn == "one" {
			s.DSNFile, s.DSN = "", "postgres://trader:"+password+"@db-1/ops"
		}
		do, undo := byHand(t, s, killswitch.KindVerify, `{"switch":"trading"}`)
		if diff := cmp.Diff(want, strings.Join(do, "\n")); diff != "" || undo != nil {
			t.Errorf("%s: %s, undo %q", dsn, diff, undo)
		}
		for _, name := range []string{killswitch.KindEngage, killswitch.KindRelease} {
			do, undo := byHand(t, s, name, `{"switch":"trading"}`)
			if all := strings.Join(append(do, undo...), "\n"); strings.Contains(all, password) || strings.Contains(all, "trader") || !strings.Contains(all, `UPDATE "ops"."halt" SET engaged = `) {
				t.Errorf("%s: %s", name, all)
			}
		}
	}
}

func TestNothingIsSaidByHandOfASwitchThatIsNotKnownYet(t *testing.T) {
	t.Parallel()
	s := killswitch.Switch{Name: "trading", DSN: "postgres://db-1/ops"}
	for _, name := range []string{killswitch.KindEngage, killswitch.KindRelease, killswitch.KindVerify} {
		for _, with := range []string{`{"switch":"${switch}"}`, `{"switch":"lights"}`, `{"switch":1}`} {
			if do, undo := byHand(t, s, name, with); do != nil || undo != nil {
				t.Errorf("%s %s: %q, %q", name, with, do, undo)
			}
		}
	}
}

// TestByHandAHostThatHangsKeepsNobodyFromTheSwitch: the old primary stands first and takes connections without an answer. psql has no
// time limit of its own: it would never come to the one that was promoted, and nothing would be said.
func TestByHandAHostThatHangsKeepsNobodyFromTheSwitch(t *testing.T) {
	t.Parallel()
	pg, s := server(t, table+released)
	hangs, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hangs.Close() })
	s.DSN = strings.Replace(s.DSN, pg.Addr(), hangs.Addr().String()+","+pg.Addr(), 1)
	do, _ := byHand(t, s, killswitch.KindEngage, `{"switch":"trading"}`)
	pasted(t, do)
	if engaged, reason, _ := stored(t, pg.SuperuserDSN()); !engaged || reason != "INC-7: by hand" {
		t.Errorf("engaged %t, reason %q", engaged, reason)
	}
}
