package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/lab"
)

// gatedScript is an effect that begins and goes on until the test lets it end.
func (tr *traffic) gatedScript() string {
	return strings.Replace(effectScript, `[ "$2" = 0 ] || sleep "$2"`, fmt.Sprintf("touch '%s/begun'; while [ ! -e '%[1]s/go' ]; do sleep 0.05; done", tr.dir), 1)
}

// breakage is a way in which the program's own store refuses to write.
type breakage struct {
	open   func(*testing.T) *traffic
	breaks func(*traffic)
	heals  func(*traffic)
	reason string // what the program says of it
}

// TestOwnStoreRefuses makes the program's own store refuse to write while a step is in flight: nothing begins, whoever
// asks is told so, the step ends by itself, and with the store everything comes back without anybody's help.
func TestOwnStoreRefuses(t *testing.T) {
	t.Parallel()
	var disk *lab.SmallDisk   // of the SQLite file
	var full, dead, reads own // PostgreSQL
	var standby own
	for name, b := range map[string]breakage{
		"disk_of_the_SQLite_file_is_full": {
			open: func(t *testing.T) *traffic {
				disk = smallDisk(t)
				return setTraffic(t, setting{driver: "sqlite", folder: disk.Path(), timings: fast}, "")
			},
			breaks: func(tr *traffic) { tr.must(disk.Fill()) },
			heals:  func(tr *traffic) { tr.must(disk.Free()) },
			reason: "database or disk is full",
		},
		"SQLite_file_cannot_be_written": {
			open:   func(t *testing.T) *traffic { return openTraffic(t, "sqlite", fast) },
			breaks: func(tr *traffic) { tr.writable(false) },
			heals:  func(tr *traffic) { tr.writable(true) },
			reason: "disk I/O error",
		},
		"PostgreSQL_is_killed": {
			open:   dead.open(""),
			breaks: func(tr *traffic) { tr.must(dead.Kill()) },
			heals:  func(tr *traffic) { tr.must(dead.Start(tr.t.Context())) },
			reason: "connection refused",
		},
		"disk_of_the_WAL_of_PostgreSQL_is_full": {
			open: full.open("pg_wal"),
			breaks: func(tr *traffic) {
				tr.must(full.disk.Fill())
				tr.await("PostgreSQL has died of its disk", func() error {
					if !full.Running() {
						return nil
					}
					return errors.Join(errors.New("it runs"), full.Exec(tr.t.Context(), "CREATE TABLE IF NOT EXISTS much (text text); INSERT INTO much SELECT repeat('x', 1000) FROM generate_series(1, 100000)"))
				})
			},
			heals:  func(tr *traffic) { tr.must(errors.Join(full.disk.Free(), full.Start(tr.t.Context()))) },
			reason: "connection refused",
		},
		"PostgreSQL_takes_no_writes": {
			open: reads.open(""),
			breaks: func(tr *traffic) {
				tr.must(reads.Exec(tr.t.Context(), "ALTER SYSTEM SET default_transaction_read_only = on"), reads.Exec(tr.t.Context(), "SELECT pg_reload_conf()"))
			},
			heals: func(tr *traffic) {
				tr.must(reads.Exec(tr.t.Context(), "ALTER SYSTEM RESET default_transaction_read_only"), reads.Exec(tr.t.Context(), "SELECT pg_reload_conf()"))
			},
			reason: "read-only transaction",
		},
		"PostgreSQL_becomes_a_standby": {
			open: standby.open(""),
			breaks: func(tr *traffic) {
				tr.must(standby.Stop(tr.t.Context(), lab.Fast), os.WriteFile(filepath.Join(standby.DataDir(), "standby.signal"), nil, 0o644), standby.Start(tr.t.Context())) //nolint:gosec // the server's user reads it
			},
			heals:  func(tr *traffic) { tr.must(standby.Exec(tr.t.Context(), "SELECT pg_promote()")) },
			reason: "read-only transaction",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b.story(t)
		})
	}
}

// own is a PostgreSQL of the program alone.
type own struct {
	*lab.Postgres
	disk *lab.SmallDisk
}

// open starts it, with a part of its data on a small disk, and sets the traffic.
func (o *own) open(part string) func(*testing.T) *traffic {
	return func(t *testing.T) *traffic {
		o.Postgres = ownDatabase(t)
		if part != "" {
			err := o.Stop(t.Context(), lab.Fast)
			if err == nil {
				o.disk, err = o.OnSmallDisk(t.Context(), part)
			}
			if err := errors.Join(err, o.Start(t.Context())); err != nil {
				t.Fatal(err)
			}
		}
		return openTrafficOn(t, o.DSN(lab.Superuser, lab.AppDatabase), fast)
	}
}

func smallDisk(t *testing.T) *lab.SmallDisk {
	t.Helper()
	disk, err := lab.NewSmallDisk(16 << 20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
	})
	return disk
}

func (s *stage) must(errs ...error) {
	s.t.Helper()
	if err := errors.Join(errs...); err != nil {
		s.t.Fatal(err)
	}
}

func (b breakage) story(t *testing.T) {
	tr := b.open(t)
	tr.write("effect.sh", tr.gatedScript(), 0o700)
	tr.write("runbooks/crash.yaml", strings.ReplaceAll(crashBook, "timeout: 700ms", "timeout: 2m"), 0o600)
	tr.revive()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	incident, err := tr.fire(ctx, firing(laneAlert("Crash", 0, "one")))
	tr.must(err)
	other, err := tr.fire(ctx, firing(laneAlert("Crash", 1, "two")))
	tr.must(err)
	card := tr.room.WaitMessage(other).WaitText("needs 1 of oncall")
	_, err = tr.approve(ctx, incident, false)
	tr.must(err)
	tr.await("the effect has begun", func() error { _, err := os.Stat(filepath.Join(tr.dir, "begun")); return err })

	b.breaks(tr)
	lost := firing(laneAlert("Crash", 2, "three"))
	tr.refuses(lost, b.reason)
	if r, err := card.Now().Click(ctx, "U0ANA", "Approve"); err != nil || r.Status != http.StatusServiceUnavailable || !strings.Contains(string(r.Body), "did not answer") {
		t.Errorf("a click: %d %s %v, want 503 and a sentence", r.Status, r.Body, err)
	}
	tr.write("go", "", 0o600)
	tr.await("the step in flight is carried out", func() error {
		if len(tr.effects()) == 0 {
			return errors.New("nothing is carried out")
		}
		return nil
	})
	<-time.After(1500 * time.Millisecond) // five leases, and time enough for the next step, which must not begin
	if did := tr.effects(); len(did) != 1 {
		t.Errorf("while nothing could be written %q were carried out, want the step in flight alone", did)
	}

	b.heals(tr)
	st := tr.state(incident, "is carried out", ranDone)
	for i, step := range st.Runs[0].Steps {
		if step.Attempt != 1 || step.State != pointsman.StepDone || step.MarkedBy != "" {
			t.Errorf("step %d: %s in attempt %d, %s", i+1, step.State, step.Attempt, step.Note)
		}
	}
	if n := len(tr.events(incident, pointsman.EvRunTaken)); n != 0 {
		t.Errorf("the only process took the run over from itself %d times", n)
	}
	// What was refused is asked again, as Alertmanager and the person do, and counts once.
	third, err := tr.fire(ctx, lost)
	tr.must(err)
	if r, err := card.Now().Click(ctx, "U0ANA", "Approve"); err != nil || r.Status != http.StatusOK {
		t.Errorf("the click made again: %d %v", r.Status, err)
	}
	tr.state(other, "is carried out", ranDone)
	if want := []string{incident + "/R1/1", incident + "/R1/2", incident + "/R1/3", other + "/R1/1", other + "/R1/2", other + "/R1/3"}; !slices.Equal(tr.effects(), want) {
		t.Errorf("carried out: %q, want %q", tr.effects(), want)
	}
	if n := len(tr.events(third, pointsman.EvAlertFiring)); n != 1 {
		t.Errorf("the alert that was refused is on record %d times", n)
	}
	tr.drained()
	tr.saidOnce()
	tr.wholeLogIsIntact()
}

// refuses waits until the program says that it cannot store anything: to Alertmanager, and to whoever asks whether it
// is ready.
func (tr *traffic) refuses(a alert, reason string) {
	tr.t.Helper()
	tr.await("a webhook is refused", func() error {
		status, body, err := tr.send(http.MethodPost, webhookPath, webhookToken, bytes.NewReader(webhook("{}", a)))
		if err != nil || status != http.StatusServiceUnavailable || !strings.Contains(string(body), "cannot be stored at this moment; send them again") {
			return fmt.Errorf("%d %s %w", status, body, err)
		}
		return nil
	})
	tr.await("it is not ready and says why", func() error {
		resp, err := http.Get(tr.base + "/-/ready")
		if err != nil {
			return err
		}
		said, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(said), reason) {
			return fmt.Errorf("%d %s, want %q", resp.StatusCode, said, reason)
		}
		return nil
	})
}
