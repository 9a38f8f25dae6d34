package postgres

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestKeep(t *testing.T) {
	t.Parallel()
	at := time.Now().UTC().Truncate(time.Microsecond)
	dead := Sample{
		Primary: "pg-1", SystemID: "7", Timeline: 1, LSN: 5000, At: at, Rate: 2000, Beat: at, LostAt: at.Add(time.Second),
		peakAt: at, fromLSN: 4000, fromAt: at, missedAt: at.Add(time.Second),
	}
	keep := func(t *testing.T) (file string, before *Clusters) {
		t.Helper()
		file = filepath.Join(t.TempDir(), "data", "samples.json")
		before = New(nil, nil)
		if err := before.Keep(file); err != nil {
			t.Fatal(err)
		}
		before.samples.set("orders", dead)
		return file, before
	}
	t.Run("a_restart_knows_what_was_known", func(t *testing.T) {
		t.Parallel()
		file, _ := keep(t)
		after := New(nil, nil)
		if err := after.Keep(file); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(dead, after.samples.of("orders"), cmp.AllowUnexported(Sample{})); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("nobody_watched_for_long_so_it_bounds_nothing", func(t *testing.T) {
		t.Parallel()
		file, _ := keep(t)
		raw, err := json.Marshal(map[string]kept{"orders": {Sample: dead, KeptAt: at.Add(-2 * gap), MissedAt: at}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		after := New(nil, nil)
		if err := after.Keep(file); err != nil {
			t.Fatal(err)
		}
		if s := after.samples.of("orders"); !s.LostAt.IsZero() || !s.missedAt.IsZero() || s.Primary != "pg-1" {
			t.Errorf("%+v, want a sample that is as old as it is", s)
		}
	})
	t.Run("a_broken_file_is_no_knowledge", func(t *testing.T) {
		t.Parallel()
		file, _ := keep(t)
		if err := os.WriteFile(file, []byte(`{"orders":`), 0o600); err != nil {
			t.Fatal(err)
		}
		after := New(nil, nil)
		if err := after.Keep(file); err == nil || after.samples.of("orders").Known() {
			t.Errorf("error %v, sample %+v", err, after.samples.of("orders"))
		}
	})
}
