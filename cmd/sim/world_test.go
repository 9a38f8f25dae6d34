// Package sim proves by simulation what no single test can: replicas that crash, freeze and lose answers, people who
// click what they like, and alerts that come and go never bring the shipping reducer, engine, planner, clock and store
// to a wrong action.
package sim

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/comms"
	"github.com/pointsman/pointsman/store"
)

// backing is the store under a schedule: package store on SQLite, or memory.
type backing interface {
	actions.Ledger
	actions.Desk
	actions.Records
	comms.Agenda
	record
}

// record is what the judge reads.
type record interface {
	State(ctx context.Context, incident string) (pointsman.State, error)
	Incidents(ctx context.Context, open bool, limit int) ([]pointsman.Incident, error)
	Events(ctx context.Context, incident string, after int64, limit int) ([]pointsman.Logged, error)
}

// world is one schedule: replicas over one store, people, an Alertmanager, and faults.
type world struct {
	chance
	store    backing
	cat      *catalog
	flaw     flaw
	replicas []*replica
	outages  []window      // the store cannot be reached
	fog      []window      // the target cannot be seen
	moves    []window      // the target looks different, so plans change
	grows    []window      // more would be lost
	off      time.Duration // how wrong the wall clock was when the store was opened
	jumps    []window      // the wall clock of the store's machine is wrong

	mu      sync.Mutex
	effects map[string]int // by idempotency key
	undone  map[string]int
	struck  map[string][]time.Time // when the effect was asked for, by the same and by the store's clock
	looks   map[string]int         // checks, by the same
	limits  map[string]float64     // within which the effect happened
	latest  []pointsman.State
	claimed map[string]int64 // run -> the epoch handed out last
	broken  []string         // promises that did not hold

	acknowledged []firing // what Alertmanager was answered 2xx for
	events       []pointsman.Logged
	states       []pointsman.State
}

func newWorld(seed uint64, f flaw) *world {
	return &world{chance: chance{seed: seed}, flaw: f, effects: map[string]int{}, undone: map[string]int{}, struck: map[string][]time.Time{}, looks: map[string]int{}, limits: map[string]float64{}, claimed: map[string]int64{}}
}

// handedOut notes an epoch of a run, and returns the one that was handed out before; zero asks only.
func (w *world) handedOut(run string, epoch int64) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.claimed[run]
	if epoch > 0 {
		w.claimed[run] = epoch
	}
	return old
}

func (w *world) violated(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = append(w.broken, fmt.Sprintf(format, args...))
}

// flaw is a seeded mistake in the harness's own parts: a proof that the judge can see. Mistakes in the shipping code
// are seeded by cmd/seeded.
type flaw string

const (
	flawFencing   flaw = "writes of a former owner are taken"
	flawBlind     flaw = "the target never shows what was done to it"
	flawRequester flaw = "the requester counts"
	flawUnknown   flaw = "unknown is taken for done"
	flawEpoch     flaw = "a takeover keeps the epoch"
	flawPage      flaw = "a parked run pages nobody"
	flawFreeze    flaw = "the freeze is looked at beforehand only"
	flawAnswer    flaw = "a webhook is answered and not stored"
	flawOtherPage flaw = "the page of a parked run is about another run"
)

// mutated is the command as the flaw makes it.
func (w *world) mutated(cmd pointsman.Command) pointsman.Command {
	end, ok := cmd.(pointsman.EndStep)
	if ok && w.flaw == flawUnknown && end.State == pointsman.StepUnknown {
		end.State = pointsman.StepDone
		return end
	}
	return cmd
}

type catalog struct {
	runbook pointsman.Runbook
	people  []pointsman.Person
}

func (c *catalog) Runbook(name string) (pointsman.Runbook, bool) {
	return c.runbook, name == c.runbook.Name
}
func (c *catalog) People() []pointsman.Person { return c.people }
func (c *catalog) Digest() string             { return "cfg" }

var (
	ana  = pointsman.Person{ID: "ana", Name: "Ana", Roles: []string{"dba"}}
	ben  = pointsman.Person{ID: "ben", Name: "Ben", Roles: []string{"dba"}}
	rob  = pointsman.Person{ID: "rob", Name: "Rob", Roles: []string{"dba"}}
	eve  = pointsman.Person{ID: "eve", Name: "Eve"}
	yard = pointsman.Target{Kind: "yard", Name: "north"}
	crew = map[string]pointsman.Person{"ana": ana, "ben": ben, "rob": rob, "eve": eve} // as configured all the time
)

func (w *world) runbook() pointsman.Runbook {
	expires := 15 * time.Minute
	if w.draw(4, "expires") == 0 {
		expires = 20 * time.Second
	}
	rb := pointsman.Runbook{
		Name: "switch-track", Title: "Switch the track", Lock: true, Target: "yard", Digest: "rb", Params: []pointsman.Param{{Name: "yard"}},
		Steps: []pointsman.RunbookStep{
			{Name: "fence", Kind: "yard.fence", Timeout: 10 * time.Second},
			{Name: "settle", Kind: actions.KindWait, With: map[string]any{"for": strconv.Itoa(1+w.draw(9, "wait")) + "s"}},
			{Name: "throw", Kind: "yard.throw", Timeout: 10 * time.Second, Irreversible: true},
		},
		Approval: pointsman.Policy{Require: []pointsman.Requirement{{Count: 1 + w.draw(2, "quorum"), Role: "dba"}}, Expires: expires},
	}
	if w.draw(3, "gated") == 0 { // a gate before the point of no return
		gate := pointsman.RunbookStep{Name: "look", Kind: actions.KindGate, Approval: pointsman.Policy{
			Require: []pointsman.Requirement{{Count: 1 + w.draw(2, "gate"), Role: "dba"}}, Expires: 20 * time.Second,
		}}
		rb.Steps = slices.Insert(rb.Steps, len(rb.Steps)-1, gate)
	} else if w.draw(3, "watched") == 0 {
		rb.Steps = append(rb.Steps, w.watch())
	} else if w.draw(3, "conditional") == 0 {
		rb.Steps = slices.Insert(rb.Steps, len(rb.Steps)-1, w.sand())
	}
	return rb
}

// calm is how long everything has to come to rest after the storm: three attempts of a step, and what is between them.
const calm = 4 * time.Minute

// simulate runs one schedule in its own bubble of virtual time and judges it.
func simulate(t *testing.T, seed uint64, open func(*testing.T, *world) backing, f flaw) *world {
	t.Helper()
	w := newWorld(seed, f)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w.start = time.Now()
		w.storm = 15*time.Second + w.span(25*time.Second, "storm")
		w.cat = &catalog{people: []pointsman.Person{ana, ben, rob, eve}, runbook: w.runbook()}
		w.outages = w.windows(2, 7*time.Second, "outage")
		w.fog = w.windows(1, 12*time.Second, "fog")
		w.moves = w.windows(1, 12*time.Second, "moves")
		w.grows = w.windows(3, 10*time.Second, "grows")
		w.jumps = w.windows(1, 20*time.Second, "jump")
		w.store = open(t, w)
		var wg sync.WaitGroup
		for i := range 2 + w.draw(2, "replicas") {
			w.replicas = append(w.replicas, w.replica(i))
		}
		for _, r := range w.replicas {
			wg.Go(func() { r.live(ctx) })
		}
		wg.Go(func() { w.alertmanager(ctx) })
		wg.Go(func() { w.people(ctx) })
		time.Sleep(w.storm)
		for end := w.storm + calm; w.since() < end && w.needsWorker(); {
			time.Sleep(time.Second)
		}
		cancel()
		wg.Wait()
		time.Sleep(time.Minute) // what was frozen in the middle of a check comes back, to nobody
		w.judge(t.Context(), t)
	})
	return w
}

// onMemory runs a schedule without a database.
func onMemory(_ *testing.T, w *world) backing { return newMemory(w.flaw) }

// onSQLite runs it on the shipping store.
func onSQLite(t *testing.T, w *world) backing {
	jump := w.span(2*time.Hour, "jump by") - time.Hour
	s, err := store.Open(t.Context(), store.Config{Path: ":memory:", Wall: func() time.Time {
		if within(w.jumps, w.since()) {
			return time.Now().Add(jump)
		}
		return time.Now()
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w.off = time.Until(s.Now())
	return s
}
