package postgres

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman/cmd/lab"
)

// newer are names that PostgreSQL 12 does not know. A statement with one of them fails there as a whole, so a failover
// of such a cluster could never be approved.
var newer = regexp.MustCompile(`pg_has_role\([^)]*'pg_(checkpoint|read_all_data|write_all_data|maintain|create_subscription|use_reserved_connections)'` +
	`|\b(written_lsn|flushed_lsn|leader_pid|query_id|wal_status|safe_wal_size|two_phase|conflicting|invalidation_reason|inactive_since)\b` +
	`|\bpg_(get_wal_replay_pause_state|log_standby_snapshot|stat_wal\b|stat_io|stat_checkpointer|stat_recovery_prefetch|database_owner)` +
	`|\b(date_bin|regexp_count|regexp_substr|any_value|gen_random_uuid|xid8|pg_current_xact_id)\b|\bMERGE INTO\b` +
	`|current_setting\('(max_slot_wal_keep_size|wal_keep_size|in_hot_standby|recovery_prefetch|idle_session_timeout|transaction_timeout)'\)`)

// No older server than 15 runs here, so the text of what is asked is looked at.
func TestNothingIsAskedThatPostgreSQL12DoesNotKnow(t *testing.T) {
	t.Parallel()
	seen := 0
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if found := newer.Find(text); found != nil {
			t.Errorf("%s asks for %q", path, found)
		}
		seen++
		return err
	})
	if err != nil || seen < 50 {
		t.Errorf("%d files were read, error %v", seen, err)
	}
	if old := "SELECT pg_has_role('pg_checkpoint', 'USAGE')"; !newer.MatchString(old) {
		t.Errorf("%q would not be found", old)
	}
}

// Before PostgreSQL 15 there is no role pg_checkpoint: here a name that no server has stands in its place.
func TestServerWithoutTheRoleForCheckpointsIsRead(t *testing.T) {
	t.Parallel()
	server := lab.NewPostgres(t, lab.PostgresOptions{InMemory: true})
	read := func(role, sql string) (f controlFile) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), server.DSN(role, lab.AppDatabase))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if err := conn.QueryRow(t.Context(), sql).Scan(&f.Recovery, &f.Timeline, &f.LSN, &f.Current, &f.May, &f.Grants); err != nil {
			t.Errorf("as %s: %v", role, err)
		}
		return f
	}
	without := strings.ReplaceAll(controlSQL, "'pg_checkpoint'", "'pg_no_such_role'")
	if without == controlSQL {
		t.Fatal("the statement does not name the role")
	}
	for _, c := range []struct {
		as, sql     string
		may, grants bool
	}{
		{lab.Pointsman, controlSQL, true, true},
		{lab.App, controlSQL, false, true},
		{lab.Pointsman, without, false, false},
		{lab.Superuser, without, true, false},
	} {
		if f := read(c.as, c.sql); f.May != c.may || f.Grants != c.grants || f.Timeline != 1 {
			t.Errorf("as %s: %+v, want may %t, grants %t", c.as, f, c.may, c.grants)
		}
	}
	f := read(lab.Pointsman, without)
	right := f.judge("pg-1", false, 0).Facts[1]
	if want := "CHECKPOINT on pg-1 as a superuser (before PostgreSQL 15 nobody else may), or wait for the server's own"; right.Clears != want {
		t.Errorf("clears %q, want %q", right.Clears, want)
	}
	var r rights
	e := examination{}
	e.judgeUsed(Cluster{}, r, map[string]string{"postgres.checkpoint": "failover"})
	if len(e.facts) != 1 || strings.Contains(e.facts[0].Clears, "GRANT") {
		t.Errorf("the doctor tells to grant what is not there: %+v", e.facts)
	}
}
