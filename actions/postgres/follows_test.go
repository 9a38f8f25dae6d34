package postgres

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman/cmd/lab"
)

// TestReading_tells_by_which_name_a_standby_follows: for that name commits wait, and not for ours of the node.
func TestReading_tells_by_which_name_a_standby_follows(t *testing.T) {
	t.Parallel()
	server := lab.NewPostgres(t, lab.PostgresOptions{Name: "pg-9", InMemory: true})
	for _, tc := range []struct{ conninfo, want string }{
		{"host=db-1 user=replicator", "pg-9"}, // its cluster_name
		{"host=db-1 application_name=report user=replicator", "report"},
		{"application_name = 'two words' host=db-1", "two words"},
		{"host=db-1 fallback_application_name=other", "pg-9"},
		{"postgresql://replicator@db-1/x?sslmode=disable&application_name=pg-3&connect_timeout=2", "pg-3"},
	} {
		for _, sql := range []string{"ALTER SYSTEM SET primary_conninfo = '" + strings.ReplaceAll(tc.conninfo, "'", "''") + "'", "SELECT pg_reload_conf()"} {
			if err := server.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err := lab.Await(ctx, func(ctx context.Context) error {
			if got := follows(ctx, server.PointsmanDSN()); got != tc.want {
				return errors.New(tc.conninfo + " was told as " + got)
			}
			return nil
		})
		cancel()
		if err != nil {
			t.Error(err)
		}
	}
	if got := follows(t.Context(), server.DSN(lab.App, lab.AppDatabase)); got != "" {
		t.Errorf("a role that may not read the connection string was told %q", got)
	}
}

func follows(ctx context.Context, dsn string) string {
	r, conn := Node{Name: "pg-9", Address: Address{DSN: dsn}}.read(ctx, "pointsman_heartbeat")
	discard(conn)
	if r.State != Writable {
		return r.State.Words() + r.Detail
	}
	return r.FollowsAs
}
