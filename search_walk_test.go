package pointsman

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// releaseStates is how many states each search visits before a release: more than five million in all.
const releaseStates = 520_000

var wantStates = flag.Int("states", usualStates, "how many distinct states each search visits at least; zero for all, POINTSMAN_SOAK=1 makes it a release's")

// TestExhaustiveSearch visits every state that an alphabet can reach, breadth first, up to the given number. Within it
// nothing can be got stuck: from each state a way leads to quiet, or on to where the search has not been.
func TestExhaustiveSearch(t *testing.T) {
	release := os.Getenv("POINTSMAN_SOAK") != ""
	if release {
		*wantStates = max(*wantStates, releaseStates)
		debug.SetMemoryLimit(3 << 30) // collect more often rather than need twice as much
	}
	var total atomic.Int64
	t.Cleanup(func() {
		t.Logf("%d states in all", total.Load())
		if *wantStates >= usualStates && !t.Failed() && total.Load() < leastStates {
			t.Errorf("the searches visited %d states, want %d at least", total.Load(), leastStates)
		}
	})
	everybody := []Actor{dbaA, dbaB, rob, eve}
	for name, tc := range map[string]struct {
		alphabet
		states int // where to stop; zero for the end
	}{
		"alerts come and go while people vote": {alphabet{alerts: []string{"f1"}, people: everybody, proposals: 1, twoPlans: true}, *wantStates},
		"a run to each of its ends":            {alphabet{alerts: []string{"f1"}, people: everybody[:2], proposals: 1, runs: 1, steers: true}, *wantStates},
		"a step with a condition":              {alphabet{people: []Actor{dbaA, dbaB}, proposals: 1, runs: 1, requests: true, steers: true, conds: true}, *wantStates},
		"a gate in the middle of a run":        {alphabet{people: []Actor{dbaA, dbaB, rob}, proposals: 1, runs: 1, requests: true, steers: true, gates: true}, *wantStates},
		"a person asks and runs":               {alphabet{people: everybody[:2], proposals: 1, runs: 1, requests: true, steers: true}, *wantStates},
		"people lock and freeze beside a run":  {alphabet{alerts: []string{"f1"}, people: everybody[:2], proposals: 1, runs: 1, steers: true, holds: true}, *wantStates},
		"a watch gives alarms beside a run":    {alphabet{people: everybody[:2], proposals: 1, runs: 1, requests: true, steers: true, wishes: true, watched: true}, *wantStates},
		"a figure grows within a run":          {alphabet{alerts: []string{"f1"}, people: everybody[:2], proposals: 1, runs: 1, steers: true, grows: true}, *wantStates},
		"people halt and undo a run":           {alphabet{people: everybody[:2], proposals: 1, runs: 1, requests: true, steers: true, wishes: true}, 2 * *wantStates},
		"people freeze and undo a run":         {alphabet{proposals: 1, runs: 1, steers: true, wishes: true, holds: true, midway: true}, *wantStates / 2},
		"steps at the same time":               {alphabet{people: everybody[:2], proposals: 1, runs: 1, requests: true, steers: true, wishes: true, groups: true}, *wantStates},
		"everything beside everything":         {alphabet{alerts: []string{"f1", "f2"}, people: everybody, proposals: 3, runs: 2, requests: true, steers: true, twoPlans: true, holds: true, wishes: true}, *wantStates},
	} {
		t.Run(name, func(t *testing.T) {
			if !release { // there they come one after the other, each with the whole memory
				t.Parallel()
			}
			total.Add(int64(newWalker(t, tc.alphabet).walk(t, tc.states)))
		})
	}
}

// walk returns how many states it has visited.
func (s *walker) walk(t *testing.T, limit int) int {
	t.Helper()
	packs := limit == 0 || limit > 100_000
	root := s.root(t)
	seen := map[key]int32{s.key(root): 0}
	all, queue, moves := []visited{{nil, s.ends(root)}}, []*spot{root}, 0
	back := [][]int32{nil} // the states that lead to each state
	started, deepest := time.Now(), 0
	for len(queue) > 0 && (limit == 0 || len(all) < limit) {
		n := min(len(queue), atATime)
		steps, err := s.expand(queue[:n], seen, packs)
		if err != nil {
			t.Fatal(err)
		}
		clear(queue[:n]) // what was looked into needs no memory any more
		queue = queue[n:]
		for _, part := range steps {
			moves += len(part)
			for _, st := range part {
				i, known := seen[st.key]
				if !known {
					i = int32(len(all))
					seen[st.key], st.to.index = i, i
					all, back = append(all, visited{st.to.trail, st.to.ends}), append(back, nil)
					queue, deepest = append(queue, st.to), st.to.depth()
				}
				if to := back[i]; len(to) == 0 || to[len(to)-1] != st.from {
					back[i] = append(to, st.from)
				}
			}
		}
	}
	t.Logf("%d states, %d transitions, depth %d, %s", len(all), moves, deepest, time.Since(started).Round(time.Millisecond))
	findTraps(t, all, back, len(all)-len(queue))
	return len(all)
}

// atATime is how many states are looked into before what was found is put together: enough for all processors, few enough
// for their memory.
const atATime = 2048

// visited is what is kept of a state once it was looked into.
type visited struct {
	trail *trail
	ends  bool
}

func (s *walker) ends(n *spot) bool { return n.quiet() || !s.looksInto(n) }

// findTraps walks backwards from the quiet states and from those that were not looked into, the newest and what lies
// beyond the alphabet's limits. What it does not reach can never come to rest.
func findTraps(t *testing.T, all []visited, back [][]int32, looked int) {
	t.Helper()
	out := make([]bool, len(all))
	var queue []int32
	for i, n := range all {
		if i >= looked || n.ends {
			out[i], queue = true, append(queue, int32(i))
		}
	}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		for _, j := range back[i] {
			if !out[j] {
				out[j], queue = true, append(queue, j)
			}
		}
	}
	for i, ok := range out {
		if !ok {
			t.Fatalf("no way leads out of the state after\n  %s", (&spot{trail: all[i].trail}).path())
		}
	}
}

type step struct {
	from int32
	key  key
	to   *spot // nil if the state was known before
}

// expand decides every command in every one of the states, on all processors. seen is only read.
func (s *walker) expand(some []*spot, seen map[key]int32, packs bool) ([][]step, error) {
	workers := runtime.GOMAXPROCS(0)
	parts, errs := make([][]step, workers), make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			f := &finder{walker: s, seen: seen, own: map[key]bool{}}
			if packs {
				f.packer = &packer{}
			}
			for i := w; i < len(some) && errs[w] == nil; i += workers {
				errs[w] = f.from(some[i])
			}
			parts[w] = f.out
		})
	}
	wg.Wait()
	return parts, errors.Join(errs...)
}

// finder is one worker.
type finder struct {
	*walker
	seen   map[key]int32
	own    map[key]bool // what it has found new
	packer *packer      // nil packs nothing
	out    []step
}

func (f *finder) from(packed *spot) error {
	n, err := packed.unpacked()
	if err != nil || !f.looksInto(n) {
		return err
	}
	for _, c := range f.commands(n) {
		to, err := n.next(c)
		if err != nil {
			return fmt.Errorf("%w\n  %s", err, to.path())
		}
		st := step{from: n.index, key: f.key(to)}
		if _, known := f.seen[st.key]; !known && !f.own[st.key] {
			st.to, f.own[st.key] = to, true
			if back, err := stored(to.state); err != nil || !same(back, to.state) {
				return fmt.Errorf("a store would lose something of the state (%w) after\n  %s", err, to.path())
			}
			if to.ends = f.ends(to); f.packer != nil {
				if err := f.packer.pack(to); err != nil {
					return err
				}
			}
		}
		f.out = append(f.out, st)
	}
	return nil
}
