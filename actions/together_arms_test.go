package actions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// arms is a kind whose steps are independent of each other: each sets the signal that its line names.
type arms struct {
	mu      sync.Mutex
	at      map[string]*arm
	keys    []string // with which Apply was called, in order
	atOnce  int
	most    int           // Apply calls at the same time
	release chan struct{} // Apply waits for it where it is not nil
}

type arm struct {
	set, deaf    bool // deaf: Apply says no
	refuse       string
	blind        error
	takes        time.Duration
	applied      int
	refused      int // how many connections are refused before one is taken
	from, to     time.Time
	undone       time.Time
	neverSettles bool // Apply ends, and the effect is not there
}

func (k *arms) Kind() string { return "yard.signal" }

func lineOf(in Input) (string, error) {
	var a struct {
		Line string `json:"line"`
	}
	err := in.Args(&a)
	return a.Line, err
}

func (k *arms) Describe(in Input) (string, error) {
	line, err := lineOf(in)
	return "set signal " + line, err
}

func (k *arms) Beside(in Input) (pointsman.Target, error) {
	line, err := lineOf(in)
	return pointsman.Target{Kind: "signal", Name: line}, err
}

func (k *arms) of(in Input) *arm {
	line, _ := lineOf(in)
	if k.at[line] == nil {
		k.at[line] = &arm{}
	}
	return k.at[line]
}

func (k *arms) Check(_ context.Context, in Input) (pointsman.Evidence, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.of(in)
	f := pointsman.Fact{Guard: "T1", Kind: pointsman.Hard, Name: "signal " + string(in.With), Value: "ok", At: time.Now(), Result: pointsman.Pass}
	if a.refuse != "" && in.Phase != Propose {
		f.Result, f.Text = pointsman.Fail, a.refuse
	}
	return pointsman.Evidence{Already: a.set, Facts: []pointsman.Fact{f}}, a.blind
}

func (k *arms) Apply(ctx context.Context, in Input) (Outcome, error) {
	k.mu.Lock()
	a := k.of(in)
	a.applied++
	a.from = time.Now()
	k.keys = append(k.keys, in.Key)
	if a.refused > 0 {
		a.refused--
		k.mu.Unlock()
		return Outcome{}, NotSent(errors.New("connection refused"))
	}
	k.atOnce++
	k.most = max(k.most, k.atOnce)
	takes, release, deaf := a.takes, k.release, a.deaf
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		a.set, a.to = !deaf && !a.neverSettles, time.Now()
		k.atOnce--
		k.mu.Unlock()
	}()
	if deaf {
		return Outcome{}, Refuse("the arm does not move")
	}
	if release != nil {
		select {
		case <-release:
		case <-ctx.Done():
		}
	}
	return Outcome{Note: "set"}, pause(ctx, takes)
}

func (k *arms) Verify(_ context.Context, in Input) (pointsman.Evidence, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.of(in)
	return pointsman.Evidence{Holds: a.set, Facts: []pointsman.Fact{{Name: "signal " + string(in.With), Value: fmt.Sprint(a.set), Result: pointsman.Pass}}}, a.blind
}

func (k *arms) Undo(_ context.Context, in Input) (Outcome, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.of(in)
	a.set, a.undone = false, time.Now()
	return Outcome{}, pause(context.Background(), time.Millisecond)
}

func (k *arms) arm(line string, f func(*arm)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.at[line] == nil {
		k.at[line] = &arm{}
	}
	f(k.at[line])
}

// times is how often the signal was asked for.
func (k *arms) times(line string) (n int) {
	k.arm(line, func(a *arm) { n = a.applied })
	return n
}

// grouped is a yard whose runbook fences, then sets the named signals at once, then throws.
func grouped(t *testing.T, lines []string, f func(w *world, k *arms)) {
	t.Helper()
	story(t, func(w *world) {
		k := &arms{at: map[string]*arm{}}
		var err error
		if w.kinds, err = NewRegistry(NewMetrics(nil), w.fence, w.throw, k); err != nil {
			t.Fatal(err)
		}
		steps := w.cat.runbook.Steps
		members := []pointsman.RunbookStep{steps[0]}
		for _, line := range lines {
			members = append(members, pointsman.RunbookStep{
				Name: "set-" + line, Kind: "yard.signal", With: map[string]any{"line": line}, Timeout: 10 * time.Second, Group: pointsman.Group{Name: "signals"}, SkipBy: []string{"dba"},
			})
		}
		w.cat.runbook.Steps = append(members, steps[1])
		f(w, k)
	})
}

// states are those of the run's steps.
func states(r pointsman.Run) string {
	var out []string
	for _, s := range r.Steps {
		out = append(out, string(s.State))
	}
	return strings.Join(out, " ")
}

func (w *world) steer(verb pointsman.Verb) {
	w.t.Helper()
	if ans := w.do(pointsman.Steer{Run: "INC-1/R1", Verb: verb, Reason: "test", By: pointsman.Actor{Person: ana, Door: pointsman.DoorCLI}}); !ans.OK() {
		w.t.Fatal(ans)
	}
}

func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
