package sim

import (
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

var (
	schedules = flag.Int("schedules", 0, "how many schedules in memory; zero for the usual number, POINTSMAN_SOAK=1 for a release's")
	onDisk    = flag.Int("sqlite-schedules", 0, "how many schedules on SQLite; zero likewise")
	oneSeed   = flag.Uint64("seed", 0, "run this schedule only and print its history")
)

// number is how many schedules to run.
func number(asked, usual, release int) int {
	switch {
	case asked > 0:
		return asked
	case os.Getenv("POINTSMAN_SOAK") != "":
		return release
	}
	return usual
}

// TestSchedules runs many histories with crashes, processes that stand still past their lease, clocks that are wrong,
// lost calls and lost answers, store outages, alerts that come and go, repeated clicks, denials, expiries, locks.
func TestSchedules(t *testing.T) {
	many(t, number(*schedules, usualSchedules, 1_000_000), grouped(onMemory))
}

// TestSchedulesOnSQLite does it on the store that ships.
func TestSchedulesOnSQLite(t *testing.T) {
	many(t, number(*onDisk, usualOnSQLite, 100_000), grouped(onSQLite))
}

func many(t *testing.T, n int, open func(*testing.T, *world) backing) {
	t.Helper()
	if *oneSeed > 0 {
		w := simulate(t, *oneSeed, open, "")
		t.Logf("%s", w.history())
		if len(w.broken) > 0 {
			t.Error(strings.Join(w.broken, "\n"))
		}
		return
	}
	name, started := t.Name(), time.Now()
	var mu sync.Mutex
	ends, truths, events, halts, members, accepted, webhooks := map[pointsman.RunState]int{}, map[pointsman.Truth]int{}, 0, 0, 0, 0, 0
	parts := runtime.GOMAXPROCS(0)
	t.Run("all", func(t *testing.T) {
		for part := range parts {
			t.Run(fmt.Sprint(part), func(t *testing.T) {
				t.Parallel()
				for seed := part + 1; seed <= n; seed += parts {
					w := simulate(t, uint64(seed), open, "")
					if len(w.broken) > 0 {
						t.Fatalf("seed %d: %s\n%s\nrepeat it: go test ./cmd/sim -run '^%s$' -seed %d -v", seed, strings.Join(w.broken, "\n"), w.history(), name, seed)
					}
					mu.Lock()
					events += len(w.events)
					webhooks += len(w.acknowledged)
					for _, ev := range w.events {
						if ev.Type == pointsman.EvRunWished || ev.Type == pointsman.EvRunAborted {
							halts++
						}
						if ev.Type == pointsman.EvRunAccepted {
							accepted++
						}
						if ev.Member > 0 && ev.Type == pointsman.EvStepStarted {
							members++
						}
						if ev.Type == pointsman.EvStepCondition {
							truths[pointsman.Truth(ev.Reason)]++
						}
					}
					for _, st := range w.states {
						for _, r := range st.Runs {
							ends[r.State]++
						}
					}
					mu.Unlock()
				}
			})
		}
	})
	took := time.Since(started)
	t.Logf("%d schedules in %s, %.0f a second; %d events; %d firings acknowledged, %d times a person said halt, %d times accepted more; runs ended %v, conditions %v", n, took.Round(time.Millisecond), float64(n)/took.Seconds(), events, webhooks, halts, accepted, ends, truths)
	if n >= 500 && webhooks < n {
		t.Fatalf("Alertmanager was answered 2xx for %d firings in %d schedules, want one in each at least", webhooks, n)
	}
	if n >= 1000 && accepted == 0 {
		t.Fatal("in no schedule a figure is accepted within a run")
	}
	if n >= 500 && members == 0 {
		t.Fatal("the schedules reach no group")
	}
	if n >= 500 && len(truths) < 3 {
		t.Fatalf("the schedules do not reach every answer of a condition: %v", truths)
	}
	if n >= 500 && (ends[pointsman.RunDone] == 0 || ends[pointsman.RunAborted] == 0 || ends[pointsman.RunVoided] == 0 || ends[pointsman.RunParked] == 0) {
		t.Fatalf("the schedules do not reach every end: %v", ends)
	}
}

// history is what happened, one line for each event.
func (w *world) history() string {
	var b strings.Builder
	for _, ev := range w.events {
		fmt.Fprintf(&b, "  %12s %-18s %-12s %s\n", ev.At.Sub(w.start), ev.Type, ev.Actor, ev.Text)
	}
	return b.String()
}

// hash is the trace in one number.
func (w *world) trace() uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(w.history()))
	return h.Sum64()
}

// TestTheSameSeedIsTheSameHistory: a failure that cannot be repeated cannot be understood.
func TestTheSameSeedIsTheSameHistory(t *testing.T) {
	for name, open := range map[string]func(*testing.T, *world) backing{"memory": onMemory, "SQLite": onSQLite} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= usualRepeats; seed++ {
				a, b := simulate(t, seed, open, ""), simulate(t, seed, open, "")
				if a.trace() != b.trace() {
					t.Fatalf("seed %d went two ways after\n%s", seed, parting(a.history(), b.history()))
				}
			}
		})
	}
}

// parting is the end of what two histories have in common, and the first line of each that differs.
func parting(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	i := 0
	for i < min(len(as), len(bs)) && as[i] == bs[i] {
		i++
	}
	return strings.Join(as[max(0, i-8):min(i+3, len(as))], "\n") + "\n  or\n" + strings.Join(bs[i:min(i+3, len(bs))], "\n")
}

// TestFlawsAreSeen proves that the judge can say no.
func TestFlawsAreSeen(t *testing.T) {
	for f, says := range map[flaw]string{
		flawFencing: "I", flawBlind: "I3:", flawRequester: "I1:", flawUnknown: "never success", flawEpoch: "I", flawPage: "I13:", flawFreeze: "I11:",
		flawAnswer: "I6:", flawOtherPage: "I13:",
	} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(400) {
				if w := simulate(t, seed+1, onMemory, f); strings.Contains(strings.Join(w.broken, "\n"), says) {
					t.Logf("seen at seed %d: %s", seed+1, w.broken[0])
					return
				}
			}
			t.Fatal("400 schedules and nobody noticed")
		})
	}
}
