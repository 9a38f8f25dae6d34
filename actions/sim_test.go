package actions

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

var schedules = flag.Int("schedules", 2000, "how many simulated schedules; POINTSMAN_SOAK=1 makes it 20,000")

// sim is one schedule: replicas with planner and engine over one store in memory, people who click, and faults. All
// chance is a hash of the seed, the place and the virtual time, so the same seed is the same history.
type sim struct {
	seed    uint64
	start   time.Time
	store   *ledger
	cat     *catalog
	mu      sync.Mutex
	effects map[string]int // by idempotency key
	broken  []string       // promises that did not hold
	trace   []string
	bug     bug
}

// bug is a seeded mistake: the proof that the simulation can see.
type bug string

const (
	bugNone      bug = ""
	bugFencing   bug = "writes of a former owner are taken"
	bugBlind     bug = "repeated without observing"
	bugRequester bug = "the requester counts"
	bugUnknown   bug = "unknown is taken for done"
	bugEpoch     bug = "a takeover keeps the epoch"
	bugPage      bug = "a parked run pages nobody"
	bugFreeze    bug = "the freeze is looked at beforehand only"
)

// The faults are made in the first part; then there is time to come to rest.
const (
	stormy = 2 * time.Minute
	calm   = 9 * time.Minute
)

// draw is a number below n that depends on the seed, the place and the virtual time, and on nothing else.
func (s *sim) draw(n int, place ...any) int {
	h := fnv.New64a()
	fmt.Fprint(h, s.seed, time.Since(s.start).Nanoseconds(), place)
	return int(h.Sum64() % uint64(n))
}

func (s *sim) chance(percent int, place ...any) bool {
	return time.Since(s.start) < stormy && s.draw(100, place...) < percent
}

func (s *sim) violated(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = append(s.broken, fmt.Sprintf(format, args...))
}

// replica is one process: its way to the store loses calls and answers, and the process may stand still.
type replica struct {
	*sim
	name string
	down func() bool // the store cannot be reached
	dark func() bool // the target cannot be seen
	halt []window    // when the process stands still
}

type window struct{ from, to time.Duration }

// stand stops the caller while its process stands still, and takes a moment in any case. The odd nanoseconds keep two
// goroutines from waking at the same instant, where the order would be chance of another kind.
func (r *replica) stand(place ...any) {
	time.Sleep(time.Duration(r.draw(3_000_000, r.name, place)) + 1)
	for _, w := range r.halt {
		if at := time.Since(r.start); at >= w.from && at < w.to {
			time.Sleep(w.to - at + time.Duration(r.draw(1_000_000, r.name, place, "woke")))
		}
	}
}

func (r *replica) Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	sub := cmd.Subject()
	r.stand("do", sub)
	if ctx.Err() != nil || r.down() {
		return pointsman.Result{}, errors.Join(errDown, ctx.Err())
	}
	res, err := r.store.Do(ctx, r.mutated(cmd))
	r.stand("done", sub)
	if ctx.Err() != nil || r.chance(4, "lost", r.name, sub) {
		return pointsman.Result{}, errors.Join(errDown, ctx.Err()) // stored, but nobody hears of it
	}
	return res, err
}

// mutated is the command as the seeded bug makes it.
func (r *replica) mutated(cmd pointsman.Command) pointsman.Command {
	end, ok := cmd.(pointsman.EndStep)
	if ok && r.bug == bugUnknown && end.State == pointsman.StepUnknown {
		end.State = pointsman.StepDone
		return end
	}
	return cmd
}

func (r *replica) ClaimRun(ctx context.Context, owner string, ttl time.Duration) (pointsman.Claim, bool, error) {
	r.stand("claim")
	if ctx.Err() != nil || r.down() {
		return pointsman.Claim{}, false, errDown
	}
	c, ok, err := r.store.ClaimRun(ctx, owner, ttl)
	r.stand("claimed")
	if ctx.Err() != nil || ok && r.chance(4, "claim lost", r.name) {
		return pointsman.Claim{}, false, errDown
	}
	return c, ok, err
}

func (r *replica) Heartbeat(ctx context.Context, run string, epoch int64, ttl time.Duration) error {
	r.stand("beat", run)
	if r.down() || r.chance(10, "beat lost", r.name) {
		return errDown
	}
	return r.store.Heartbeat(ctx, run, epoch, ttl)
}

func (r *replica) Checking(ctx context.Context) ([]pointsman.Proposal, error) {
	r.stand("checking")
	return r.store.Checking(ctx)
}

func (r *replica) Held(ctx context.Context) (pointsman.Held, error) {
	r.stand("held")
	if ctx.Err() != nil || r.down() {
		return pointsman.Held{}, errors.Join(errDown, ctx.Err())
	}
	return r.store.Held(ctx)
}

func (r *replica) Changed() <-chan struct{} { return r.store.Changed() }

// lever is an action on the simulated world. Its effect is counted by idempotency key; it heeds its context, as every
// kind must, and loses requests and answers.
type lever struct {
	*replica
	kind string
}

func (l lever) Kind() string { return l.kind }

func (l lever) done(in Input) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.effects[in.Key] > 0
}

func (l lever) Check(ctx context.Context, in Input) (pointsman.Evidence, error) {
	l.stand("check", in.Key, in.StepN)
	if ctx.Err() != nil || in.Phase != Propose && (l.dark() || l.chance(6, "blind", l.name, in.Key)) {
		return pointsman.Evidence{}, errors.New("no route to host")
	}
	return pointsman.Evidence{Already: l.bug != bugBlind && l.done(in), Facts: []pointsman.Fact{
		{Guard: "T1", Kind: pointsman.Hard, Name: l.kind, Value: "ok", At: time.Now(), Result: pointsman.Pass},
	}}, nil
}

func (l lever) Apply(ctx context.Context, in Input) (Outcome, error) {
	l.stand("apply", in.Key)
	switch {
	case ctx.Err() != nil:
		return Outcome{}, ctx.Err()
	case l.chance(10, "never arrived", l.name):
		return Outcome{}, errors.New("connection refused")
	case l.chance(5, "refused", l.name):
		return Outcome{}, Refuse("a train is on the points")
	}
	if l.chance(30, "slow", l.name) {
		select {
		case <-ctx.Done():
			return Outcome{}, ctx.Err()
		case <-time.After(time.Duration(l.draw(12_000, "slow for", l.name)) * time.Millisecond):
		}
	}
	if ctx.Err() != nil { // the last look before the request; from here on it happens
		return Outcome{}, ctx.Err()
	}
	l.mu.Lock()
	l.effects[in.Key]++
	n := l.effects[in.Key]
	l.mu.Unlock()
	if n > 1 {
		l.violated("I3: %s had its effect %d times", in.Key, n)
	}
	l.stand("applied", in.Key)
	if l.chance(10, "answer lost", l.name) {
		return Outcome{}, errors.New("connection reset")
	}
	return Outcome{Memo: json.RawMessage(`{"by":"` + l.name + `"}`), Note: "thrown"}, nil
}

func (l lever) Verify(ctx context.Context, in Input) (pointsman.Evidence, error) {
	l.stand("verify", in.Key)
	if ctx.Err() != nil || l.dark() || l.chance(10, "blind", l.name) {
		return pointsman.Evidence{}, errors.New("no route to host")
	}
	return pointsman.Evidence{Holds: l.bug != bugBlind && l.done(in)}, nil
}

var (
	simRob = pointsman.Person{ID: "rob", Name: "Rob", Roles: []string{"dba"}}
	simEve = pointsman.Person{ID: "eve", Name: "Eve"}
	yard   = pointsman.Target{Kind: "yard", Name: "north"}
)

func simulate(t *testing.T, seed uint64, b bug) *sim {
	s := &sim{seed: seed, bug: b, effects: map[string]int{}}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s.start, s.store = time.Now(), newLedger()
		s.store.seeded = b
		s.store.violated = s.violated
		s.cat = &catalog{people: []pointsman.Person{ana, ben, simRob, simEve}, runbook: pointsman.Runbook{
			Name: "switch-track", Title: "Switch the track", Lock: true, Target: "yard", Digest: "rb", Params: []pointsman.Param{{Name: "yard"}},
			Steps: []pointsman.RunbookStep{
				{Name: "fence", Kind: "yard.fence", Timeout: 10 * time.Second},
				{Name: "settle", Kind: KindWait, With: map[string]any{"for": fmt.Sprint(1+s.draw(9, "wait"), "s")}},
				{Name: "throw", Kind: "yard.throw", Timeout: 10 * time.Second, Irreversible: true},
			},
			Approval: pointsman.Policy{Require: []pointsman.Requirement{{Count: 1 + s.draw(2, "quorum"), Role: "dba"}}, Expires: 15 * time.Minute},
		}}
		s.gated()
		outages := s.windows(2, 20*time.Second, "outage")
		down := func() bool { return within(outages, time.Since(s.start)) }
		fog := s.windows(2, 40*time.Second, "fog")
		dark := func() bool { return within(fog, time.Since(s.start)) }
		var wg sync.WaitGroup
		for i := range 2 + s.draw(2, "replicas") {
			r := &replica{sim: s, name: fmt.Sprint("r", i), down: down, dark: dark}
			r.halt = s.windows(2, 25*time.Second, r.name, "halt")
			wg.Go(func() { r.live(ctx, t) })
		}
		people := &replica{sim: s, name: "people", down: func() bool { return false }}
		wg.Go(func() { people.click(ctx) })
		time.Sleep(stormy)
		for time.Since(s.start) < stormy+calm && !s.atRest() {
			time.Sleep(10 * time.Second)
		}
		cancel()
		wg.Wait()
		s.judge()
	})
	return s
}

func (s *sim) atRest() bool {
	st := s.store.state("INC-1")
	_, open := st.OpenRun()
	return !open && len(st.Runs) > 0 && !slices.ContainsFunc(st.Proposals, pointsman.Proposal.Open)
}

func (s *sim) windows(n int, longest time.Duration, place ...any) []window {
	var out []window
	for i := range s.draw(n+1, place, "count") {
		from := time.Duration(s.draw(int(stormy), place, i))
		out = append(out, window{from, from + time.Duration(s.draw(int(longest), place, i, "for"))})
	}
	return out
}

func within(in []window, at time.Duration) bool {
	return slices.ContainsFunc(in, func(w window) bool { return at >= w.from && at < w.to })
}

// live is a process that crashes now and then and comes back under another name.
func (r *replica) live(ctx context.Context, t *testing.T) {
	for life := 0; ctx.Err() == nil; life++ {
		kinds, err := NewRegistry(nil, lever{r, "yard.fence"}, lever{r, "yard.throw"})
		if err != nil {
			t.Error(err)
			return
		}
		run, crash := context.WithCancel(ctx)
		if span := time.Duration(r.draw(int(stormy), r.name, life)); r.chance(60, r.name, "crash") {
			time.AfterFunc(span, crash)
		}
		log := slog.New(slog.DiscardHandler)
		warden := &Warden{Records: r, Guards: DefaultGuards, Kinds: kinds, CheckTimeout: 3 * time.Second}
		planner := &Planner{Desk: r, Log: log, Resolver: &Resolver{Kinds: kinds, Catalog: r.cat, CheckTimeout: 3 * time.Second, Warden: warden, Log: log}}
		engine := &Engine{
			Ledger: r, Kinds: kinds, Catalog: r.cat, Warden: warden, Owner: fmt.Sprint(r.name, ".", life), Lease: 6 * time.Second,
			Beat: 2 * time.Second, Sweep: time.Second, CheckTimeout: 3 * time.Second, Log: log,
		}
		var wg sync.WaitGroup
		wg.Go(func() { _ = planner.Run(run) })
		time.Sleep(time.Duration(r.draw(999_983, r.name, "apart")) + 1)
		wg.Go(func() { _ = engine.Run(run) })
		wg.Wait()
		crash()
		time.Sleep(time.Duration(r.draw(int(15*time.Second), r.name, life, "away")))
	}
}

// click is everybody who decides: one who asks, two who may approve, one who may not, each clicking more than once,
// and an operator who looks after parked runs. The clock ticks beside them.
func (r *replica) click(ctx context.Context) {
	actor := func(p pointsman.Person) pointsman.Actor { return pointsman.Actor{Person: p, Door: pointsman.DoorSlack} }
	asker := actor(simRob)
	if r.bug == bugRequester {
		asker.Person = pointsman.Person{ID: "somebody", Roles: []string{"dba"}}
	}
	r.says(ctx, pointsman.Request{
		Key: "yard", By: asker, Reason: "test",
		Offer: pointsman.Offer{Runbook: "switch-track", Title: "Switch the track", Target: yard, Params: map[string]string{"yard": "north"}},
	})
	for ctx.Err() == nil {
		time.Sleep(time.Second + time.Duration(r.draw(1_000_000_000, "click")))
		st := r.store.state("INC-1")
		r.says(ctx, pointsman.Tick{Incident: "INC-1"})
		r.hold(ctx, actor(ben))
		for _, p := range st.Proposals {
			for _, who := range []pointsman.Person{simRob, ana, ben, simEve} {
				if r.draw(3, who.ID, "clicks") == 0 {
					r.says(ctx, pointsman.CastVote{Proposal: p.ID, Digest: p.Digest, Verdict: pointsman.Approve, By: actor(who)})
				}
			}
			if p.State == pointsman.ProposalRefused || p.State == pointsman.ProposalReady && r.chance(5, "refresh") {
				r.says(ctx, pointsman.Recheck{Proposal: p.ID, By: actor(ana)})
			}
		}
		for _, run := range st.Runs {
			r.atGate(ctx, run)
			if run.State == pointsman.RunParked && r.draw(10, "steer") == 0 {
				verb := []pointsman.Verb{pointsman.VerbRetry, pointsman.VerbRetry, pointsman.VerbAbort}[r.draw(3, "verb")]
				r.says(ctx, pointsman.Steer{Run: run.ID, Verb: verb, By: actor(ben)})
			}
		}
	}
}

// judge looks at the whole log and at where everything came to rest.
func (s *sim) judge() {
	approvals, epochs, attempts, parked := map[string]map[string]bool{}, map[string]int64{}, map[string]int{}, 0
	ended, open := map[string]bool{}, map[string]string{}
	var held holdings
	for _, ev := range s.store.events {
		s.trace = append(s.trace, fmt.Sprintf("%s %s %s %s", ev.At.Sub(s.start), ev.Type, ev.Actor, ev.Text))
		if ev.Run != "" && ev.Epoch < epochs[ev.Run] {
			s.violated("I4: %s: %s under epoch %d after %d", ev.Run, ev.Type, ev.Epoch, epochs[ev.Run])
		}
		epochs[ev.Run] = max(epochs[ev.Run], ev.Epoch)
		if why := held.broken(ev); why != "" {
			s.violated("%s", why)
		}
		switch key := fmt.Sprint(ev.Run, "/", ev.StepN); ev.Type {
		case pointsman.EvVoteCounted:
			if approvals[ev.Proposal] == nil {
				approvals[ev.Proposal] = map[string]bool{}
			}
			approvals[ev.Proposal][ev.Actor.Person.ID] = true
		case pointsman.EvGateCounted:
			key := fmt.Sprint(ev.Run, "/", ev.StepN, "/", ev.Attempt)
			if approvals[key] == nil {
				approvals[key] = map[string]bool{}
			}
			approvals[key][ev.Actor.Person.ID] = true
		case pointsman.EvVotesVoided, pointsman.EvProposalExpired:
			delete(approvals, ev.Proposal)
		case pointsman.EvRunQueued:
			s.quorum(ev, approvals[ev.Proposal])
			if other := open[ev.Target]; other != "" {
				s.violated("I5: %s queued while %s is open", ev.Run, other)
			}
			open[ev.Target] = ev.Run
		case pointsman.EvStepStarted:
			if ended[ev.Run] {
				s.violated("I12: step %d of %s began after its end", ev.StepN, ev.Run)
			}
			if attempts[key]++; attempts[key] != ev.Attempt {
				s.violated("I2: %s began as attempt %d after %d", key, ev.Attempt, attempts[key]-1)
			}
		case pointsman.EvStepDone:
			if ev.Step == "look" {
				s.opened(ev, approvals[fmt.Sprint(ev.Run, "/", ev.StepN, "/", ev.Attempt)])
				continue
			}
			if n := s.effects[key]; ev.Step != "settle" && ev.Actor.Door == pointsman.DoorEngine && n != 1 {
				s.violated("%s is called done and had %d effects", key, n)
			}
		case pointsman.EvRunVoided:
			delete(approvals, ev.Proposal)
			ended[ev.Run], open[ev.Target] = true, ""
		case pointsman.EvRunDone, pointsman.EvRunAborted:
			ended[ev.Run], open[ev.Target] = true, ""
		case pointsman.EvRunParked:
			parked++
		case pointsman.EvPageTriggered:
			parked--
		}
	}
	if parked > 0 {
		s.violated("I13: %d parked run(s) paged nobody", parked)
	}
	for _, r := range s.store.state("INC-1").Runs {
		if !r.State.Terminal() && r.State != pointsman.RunParked {
			s.violated("I13: %s is still %s at step %d: %s", r.ID, r.State, r.Current()+1, r.Note)
		}
	}
}

func (s *sim) quorum(ev pointsman.Event, have map[string]bool) {
	n := 0
	for who := range have {
		if who == "ana" || who == "ben" {
			n++
		}
	}
	if need := s.cat.runbook.Approval.Needed(); n < need {
		s.violated("I1: %s queued with %d of %d approvals", ev.Run, n, need)
	}
}

// TestSchedules runs many histories with crashes, processes that stand still past their lease, lost calls and lost
// answers, store outages and repeated clicks.
func TestSchedules(t *testing.T) {
	n := *schedules
	if os.Getenv("POINTSMAN_SOAK") != "" {
		n = max(n, 20_000)
	}
	if testing.Short() {
		n = 100
	}
	const parts = 4
	ends := map[pointsman.RunState]int{}
	started := time.Now()
	var mu sync.Mutex
	t.Run("all", func(t *testing.T) {
		for part := range parts {
			t.Run(fmt.Sprint(part), func(t *testing.T) {
				t.Parallel()
				for seed := part; seed < n; seed += parts {
					s := simulate(t, uint64(seed), bugNone)
					if len(s.broken) > 0 {
						t.Fatalf("seed %d: %s\n  %s", seed, strings.Join(s.broken, "\n"), strings.Join(s.trace, "\n  "))
					}
					mu.Lock()
					for _, r := range s.store.state("INC-1").Runs {
						ends[r.State]++
					}
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("%d schedules in %s; runs ended %v", n, time.Since(started).Round(time.Millisecond), ends)
	if n >= 500 && (ends[pointsman.RunDone] == 0 || ends[pointsman.RunAborted] == 0 || ends[pointsman.RunVoided] == 0) {
		t.Fatalf("the schedules do not reach every end: %v", ends)
	}
}

func TestTheSameSeedIsTheSameHistory(t *testing.T) {
	for seed := range uint64(50) {
		a, b := simulate(t, seed, bugNone), simulate(t, seed, bugNone)
		if !slices.Equal(a.trace, b.trace) {
			t.Fatalf("seed %d:\n%s\n\n%s", seed, strings.Join(a.trace, "\n"), strings.Join(b.trace, "\n"))
		}
	}
}

// TestSeededBugsAreSeen proves that the simulation can fail.
func TestSeededBugsAreSeen(t *testing.T) {
	for b, says := range map[bug]string{
		bugFencing: "after fencing", bugBlind: "I3:", bugRequester: "I1:", bugUnknown: "is called done", bugEpoch: "", bugPage: "I13:", bugFreeze: "I11:",
	} {
		t.Run(string(b), func(t *testing.T) {
			for seed := range uint64(400) {
				if s := simulate(t, seed, b); len(s.broken) > 0 && strings.Contains(strings.Join(s.broken, "\n"), says) {
					t.Logf("seen at seed %d: %s", seed, s.broken[0])
					return
				}
			}
			t.Fatal("400 schedules and nobody noticed")
		})
	}
}
