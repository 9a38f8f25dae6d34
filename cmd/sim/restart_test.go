package sim

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/store"
)

// mortal is a store whose process dies at its nth command after the click: just before it is stored, or just after it
// and before anybody hears of it.
type mortal struct {
	*store.Store
	mu    sync.Mutex
	left  int  // commands until death; negative for none
	early bool // before it is stored
	died  bool
	die   context.CancelFunc
}

func (m *mortal) Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.died {
		return pointsman.Result{}, errDown
	}
	if m.left--; m.left != 0 {
		return m.Store.Do(ctx, cmd)
	}
	m.died = true
	defer m.die()
	if !m.early {
		if _, err := m.Store.Do(ctx, cmd); err != nil {
			return pointsman.Result{}, err
		}
	}
	return pointsman.Result{}, errDown
}

// TestApprovalsSurviveARestartAtEachPoint ends the process before and after each command that follows a click, until the
// run is done, and starts it again on the same file: the approval is never lost, nor used twice. That a process which is
// killed leaves whole commands behind, package store proves.
func TestApprovalsSurviveARestartAtEachPoint(t *testing.T) {
	t.Parallel()
	restarts, empty := 0, migrated(t)
	for round := range number(0, usualRestarts, 120) {
		for point, died := 1, true; died; point++ {
			died = false
			for _, early := range []bool{true, false} {
				w := newWorld(uint64(round*100+point), "")
				path := filepath.Join(t.TempDir(), "pointsman.db")
				if err := os.WriteFile(path, empty, 0o600); err != nil {
					t.Fatal(err)
				}
				synctest.Test(t, func(t *testing.T) {
					if w.restarted(t, path, point, early) {
						died = true
						restarts++
					}
				})
				if len(w.broken) > 0 {
					t.Fatalf("round %d, restarted at command %d: %v\n%s", round, point, w.broken, w.history())
				}
			}
		}
	}
	t.Logf("%d restarts", restarts)
	if least := number(0, leastRestarts, 2_000); restarts < least {
		t.Errorf("the process ended %d times, want %d at least", restarts, least)
	}
}

// migrated is the file of a store of which nothing was asked yet; to make one takes longer than a story on it.
func migrated(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "empty.db")
	if err := reopened(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// restarted tells one such story and says whether the process died in it.
func (w *world) restarted(t *testing.T, path string, point int, early bool) bool {
	w.start = time.Now()
	w.cat = &catalog{people: []pointsman.Person{ana, ben, rob, eve}, runbook: w.runbook()}
	w.cat.runbook.Approval.Expires = time.Hour
	w.cat.runbook.Steps = slices.DeleteFunc(w.cat.runbook.Steps, func(s pointsman.RunbookStep) bool { return s.Kind == actions.KindGate })
	m := &mortal{Store: reopened(t, path), left: -1, early: early}
	w.store = m
	w.process(t, func(ctx context.Context, crash context.CancelFunc) {
		m.die = crash
		if _, err := w.give(ctx, pointsman.Request{Key: "k", By: by(rob), Reason: "test", Offer: offer}); err != nil {
			t.Error(err)
		}
		for w.awaitsChecks() {
			time.Sleep(time.Second)
		}
		m.left = point
		w.approved(ctx)
	})
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	s := reopened(t, path)
	w.store = s
	w.process(t, func(ctx context.Context, _ context.CancelFunc) { w.approved(ctx) })
	w.judge(t.Context(), t)
	if st := w.states[0]; len(st.Runs) != 1 || st.Runs[0].State != pointsman.RunDone {
		w.violated("F20: the approval came to %+v", st.Runs)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return m.died
}

// process is one life of the program, until what people do is done or it dies.
func (w *world) process(t *testing.T, during func(context.Context, context.CancelFunc)) {
	ctx, crash := context.WithCancel(t.Context())
	r := &replica{world: w, name: "r0", wake: make(chan struct{})}
	w.replicas = []*replica{r}
	var wg sync.WaitGroup
	wg.Go(func() { r.loops(ctx, len(w.events)) })
	during(ctx, crash)
	crash()
	wg.Wait()
	time.Sleep(time.Minute) // whatever was on its way to the target arrives
}

// approved clicks, again and again as people do who get no answer, until the run is done or the process is dead.
func (w *world) approved(ctx context.Context) {
	for n := 0; ctx.Err() == nil && n < 300; n++ {
		for _, st := range w.seen() {
			for _, p := range st.Proposals {
				for _, who := range []pointsman.Person{ana, ben} {
					if p.State == pointsman.ProposalReady {
						_, _ = w.give(ctx, pointsman.CastVote{Proposal: p.ID, Digest: p.Digest, Verdict: pointsman.Approve, By: by(who), Once: "click of " + who.ID})
					}
				}
			}
			if len(st.Runs) > 0 && st.Runs[0].State.Terminal() {
				return
			}
		}
		time.Sleep(time.Second)
	}
}

// reopened opens the file as a process does that starts.
func reopened(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ResetLeases(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}
