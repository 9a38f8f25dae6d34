package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/lab"
)

// ownDatabase is a PostgreSQL for the program alone, which the test may stop.
func ownDatabase(t *testing.T) *lab.Postgres {
	t.Helper()
	server := lab.NewPostgres(t, lab.PostgresOptions{Name: "pg-own", InMemory: true})
	return server
}

// TestOwnDatabaseDown takes the program's own database away for up to two seconds, again and again, in all three ways
// that there are, while runs go on.
func TestOwnDatabaseDown(t *testing.T) {
	t.Parallel()
	const together = 9 // on one stage, more would only make its channel long
	times := soak(9, 252)
	var through, all atomic.Int64
	t.Cleanup(func() {
		runs, hit := soak(10, 10_000), soak(5, times) // without them an outage proves nothing
		t.Logf("%d runs, %d of them approved before an outage and ended after it", all.Load(), through.Load())
		if all.Load() < int64(runs) || through.Load() < int64(hit) {
			t.Errorf("%d runs, %d of them through an outage; want %d and %d at least", all.Load(), through.Load(), runs, hit)
		}
	})
	for first := 0; first < times; first += together {
		t.Run(fmt.Sprintf("from_%d", first+1), func(t *testing.T) {
			t.Parallel()
			n, of := takenAway(t, first, min(together, times-first))
			through.Add(n)
			all.Add(of)
		})
	}
}

// takenAway takes it away so many times and returns how many runs went through an outage, of all that there were.
func takenAway(t *testing.T, first, times int) (through, all int64) {
	server := ownDatabase(t)
	tr := openTrafficOn(t, server.DSN(lab.Superuser, lab.AppDatabase), "{lease: 1s, heartbeat: 300ms, sweep: 200ms, check_timeout: 30s}")
	tr.begin()
	tr.revive()
	tr.await("it serves", func() error { return tr.isReady(t.Context()) }) // one that only starts would end
	back, away := []time.Duration{}, []spell{}
	for i := first; i < first+times; i++ {
		<-time.After(soakFor(700*time.Millisecond, 5*time.Second) + rand.N(soakFor(time.Second, 35*time.Second)))
		down := rand.N(2 * time.Second)
		if i == 75 {
			down = time.Minute
		}
		tr.await("a run is under way", func() error {
			if tr.column(`SELECT count(*)::text FROM runs WHERE state = 'running'`)[0] == "0" {
				return errAgain
			}
			return nil
		})
		var err error
		gone := time.Now()
		switch i % 3 {
		case 0:
			err = server.Kill()
		case 1:
			err = server.Stop(t.Context(), lab.Immediate)
		case 2:
			err = server.Freeze()
		}
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(down)
		if i%3 == 2 {
			err = server.Thaw()
		} else {
			err = server.Start(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		began, was := time.Now(), tr.logged()
		away = append(away, spell{gone, began})
		tr.await("something is decided again", func() error {
			if tr.logged() == was {
				return fmt.Errorf("the log still has %s entries", was)
			}
			return nil
		})
		back = append(back, time.Since(began))
	}
	tr.end()
	tr.aftermath()
	slices.Sort(back)
	t.Logf("first progress after the return of the database: p50 %s, max %s", back[len(back)/2], back[len(back)-1])
	if worst := back[len(back)-1]; worst > 30*time.Second {
		t.Errorf("it took %s until something was decided again, limit 30 s", worst)
	}
	return tr.through(away)
}

// spell is from one moment to another.
type spell struct{ from, to time.Time }

// through counts, by the record, the runs that were approved before a spell began and ended after it, and all.
func (tr *traffic) through(spells []spell) (through, all int64) {
	tr.t.Helper()
	for _, line := range tr.column(`SELECT q.at::text || ' ' || e.at::text FROM log q JOIN log e ON e.incident = q.incident AND e.type = 'run.done' WHERE q.type = 'run.queued'`) {
		var queued, ended int64
		if _, err := fmt.Sscan(line, &queued, &ended); err != nil {
			tr.t.Fatal(err)
		}
		all++
		if slices.ContainsFunc(spells, func(s spell) bool { return queued < s.from.UnixMicro() && s.to.UnixMicro() < ended }) {
			through++
		}
	}
	return through, all
}

func (tr *traffic) logged() string { return tr.column(`SELECT seq::text FROM log_head`)[0] }

// TestOwnDatabaseLosesItsEnd puts an older copy of the data directory in place, as a failover to a standby that lagged
// does: under the program while it runs, and between two of its runs. What the record has forgotten is not done again.
func TestOwnDatabaseLosesItsEnd(t *testing.T) {
	t.Parallel()
	for name, restarted := range map[string]bool{"while_the_program_runs": false, "while_it_is_down": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := ownDatabase(t)
			tr := openTrafficOn(t, server.DSN(lab.Superuser, lab.AppDatabase), fast)
			tr.write("effect.sh", strings.Replace(effectScript, `[ "$2" = 0 ] || sleep "$2"`, fmt.Sprintf("touch '%s/begun'; sleep 1", tr.dir), 1), 0o700)
			tr.write("runbooks/crash.yaml", strings.ReplaceAll(crashBook, "timeout: 700ms", "timeout: 30s"), 0o600)
			cmd := tr.launch(tr.file)
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			incident, err := tr.fire(ctx, firing(map[string]string{"alertname": "Crash", "service": lane(0), "outage": "one", "severity": "critical"}))
			if err != nil {
				t.Fatal(err)
			}
			run, err := tr.approve(ctx, incident, false)
			if err != nil {
				t.Fatal(err)
			}
			tr.await("the first step has begun", func() error { _, err := os.Stat(filepath.Join(tr.dir, "begun")); return err })
			older := tr.copied(server)
			tr.state(incident, "is carried out", ranDone)
			<-time.After(time.Second) // what was acknowledged is announced twice a second

			if err := server.Kill(); err != nil {
				t.Fatal(err)
			}
			if restarted {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			}
			tr.restored(server, older)
			if restarted {
				cmd = tr.launch(tr.file)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })

			st := tr.state(incident, "is parked", func(st pointsman.State) bool { return len(st.Runs) == 1 && st.Runs[0].State == pointsman.RunParked })
			if note := st.Runs[0].Note; !strings.Contains(note, "the log has lost its end") {
				t.Errorf("it is parked because %s", note)
			}
			tr.await("somebody is paged", func() error {
				for _, ev := range tr.pager.Events() {
					if ev.Action == "trigger" && strings.Contains(ev.Payload.Summary, "the log has lost its end") {
						return nil
					}
				}
				return fmt.Errorf("%d events", len(tr.pager.Events()))
			})
			if did := tr.effects(); len(did) != 3 {
				t.Errorf("carried out: %q, want three steps, once", did)
			}
			if err := tr.lookAfter(ctx, incident, run); err != nil { // a person sees in the file what was done
				t.Error(err)
			}
			if want := []string{run + "/1", run + "/2", run + "/3"}; !slices.Equal(tr.effects(), want) {
				t.Errorf("carried out in the end: %q, want %q", tr.effects(), want)
			}
			tr.drained()
			tr.saidOnce()
			tr.wholeLogIsIntact()
		})
	}
}

// copied kills the server, copies its data directory and starts it again.
func (tr *traffic) copied(server *lab.Postgres) (folder string) {
	tr.t.Helper()
	if err := server.Kill(); err != nil {
		tr.t.Fatal(err)
	}
	folder = filepath.Join(tr.dir, "older")
	if out, err := exec.CommandContext(tr.t.Context(), "cp", "-a", server.DataDir(), folder).CombinedOutput(); err != nil {
		tr.t.Fatalf("%s: %v", out, err)
	}
	if err := server.Start(tr.t.Context()); err != nil {
		tr.t.Fatal(err)
	}
	return folder
}

// restored puts an older copy in place of the data directory of a server that is down, and starts it.
func (tr *traffic) restored(server *lab.Postgres, folder string) {
	tr.t.Helper()
	if err := os.RemoveAll(server.DataDir()); err != nil {
		tr.t.Fatal(err)
	}
	if out, err := exec.CommandContext(tr.t.Context(), "cp", "-a", folder, server.DataDir()).CombinedOutput(); err != nil {
		tr.t.Fatalf("%s: %v", out, err)
	}
	if err := server.Start(tr.t.Context()); err != nil {
		tr.t.Fatal(err)
	}
}
