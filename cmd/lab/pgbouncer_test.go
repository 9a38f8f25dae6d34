package lab_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman/cmd/lab"
)

func TestPgBouncer(t *testing.T) {
	t.Parallel()
	pair := lab.NewPair(t, lab.PairOptions{})
	pooler := lab.NewPgBouncer(t, lab.PgBouncerOptions{Server: pair.Primary})
	pids := pooler.Pids()

	t.Run("clients_write_through_it", func(t *testing.T) {
		await(t, 10*time.Second, write(pooler.DSN(lab.Pointsman, lab.AppDatabase), "pooled"))
		if got := one[string](t, pair.Primary.SuperuserDSN(), `SELECT token FROM pointsman_heartbeat WHERE id = 1`); got != "pooled" {
			t.Errorf("token %q on the primary, want pooled", got)
		}
	})
	t.Run("a_reload_takes_a_changed_file", func(t *testing.T) {
		text, err := os.ReadFile(pooler.Ini())
		if err != nil {
			t.Fatal(err)
		}
		old, fresh := fmt.Sprintf("port=%d", pair.Primary.Port), fmt.Sprintf("port=%d", pair.Standby.Port)
		if err := os.WriteFile(pooler.Ini(), []byte(strings.Replace(string(text), old, fresh, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := pooler.Console(t.Context(), "RELOAD"); err != nil {
			t.Fatal(err)
		}
		rows, err := pooler.Show(t.Context(), "SHOW DATABASES")
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if row["name"] == lab.AppDatabase && fmt.Sprint(row["port"]) != fmt.Sprint(pair.Standby.Port) {
				t.Errorf("row %v, want port %d", row, pair.Standby.Port)
			}
		}
		await(t, 10*time.Second, func(ctx context.Context) error {
			if err := write(pooler.DSN(lab.Pointsman, lab.AppDatabase), "standby")(ctx); err == nil || !strings.Contains(err.Error(), "25006") {
				return fmt.Errorf("a write to a standby answered %w, want 25006", err)
			}
			return nil
		})
	})
	t.Run("close_leaves_nothing", func(t *testing.T) {
		if err := pooler.Close(); err != nil {
			t.Fatal(err)
		}
		mustBeGone(t, pids)
	})
}
