package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/comms"
	"github.com/pointsman/pointsman/store"
)

var errDown = errors.New("the store cannot be reached")

// replica is one process: its way to the store loses calls and answers, its clock may be wrong, and it stands still
// now and then.
type replica struct {
	*world
	name string
	halt []window // when the process stands still
	skew []window // when its clock is wrong, by
	by   time.Duration
	wake chan struct{} // closed at the next notice
}

func (w *world) replica(i int) *replica {
	r := &replica{world: w, name: "r" + strconv.Itoa(i), wake: make(chan struct{})}
	r.halt = w.windows(2, 15*time.Second, r.name, "halt")
	r.skew = w.windows(2, 20*time.Second, r.name, "skew")
	r.by = w.span(40*time.Second, r.name, "by") - 20*time.Second
	return r
}

// stand takes a moment, and stops the caller while its process stands still.
func (r *replica) stand(ctx context.Context, place, more string) {
	if ctx.Err() != nil {
		return // it crashed or gave up; whether it looks once more may be chance, so that must take no time
	}
	time.Sleep(r.moment(3*time.Millisecond, r.name, place, more))
	for _, w := range r.halt {
		if at := r.since(); at >= w.from && at < w.to {
			time.Sleep(w.to - at + r.moment(time.Millisecond, r.name, place, more, "woke"))
		}
	}
}

// timed is the context of a call, with the clock of this process.
func (r *replica) timed(ctx context.Context) context.Context {
	if within(r.skew, r.since()) {
		return context.WithValue(ctx, skewKey{}, r.by)
	}
	return ctx
}

func (r *replica) Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	sub := cmd.Subject()
	name := fmt.Sprintf("%T %s %s", cmd, sub.Incident, sub.Run)
	r.stand(ctx, "do", name)
	if ctx.Err() != nil || within(r.outages, r.since()) {
		return pointsman.Result{}, errors.Join(errDown, ctx.Err())
	}
	res, err := r.give(r.timed(ctx), r.mutated(cmd))
	if owned := r.handedOut(sub.Run, 0); err == nil && res.Answer.OK() && sub.Epoch < owned {
		r.violated("I4: %s was stored under epoch %d after epoch %d was handed out", name, sub.Epoch, owned)
	}
	r.stand(ctx, "done", name)
	if ctx.Err() != nil || r.strikes(4, "lost", r.name, name) {
		return pointsman.Result{}, errors.Join(errDown, ctx.Err()) // stored, but nobody hears of it
	}
	return res, err
}

// ClaimRun leaves out the question where the answer is known: it is asked once a second by each process.
func (r *replica) ClaimRun(ctx context.Context, owner string, ttl time.Duration) (pointsman.Claim, bool, error) {
	r.stand(ctx, "claim", "")
	if ctx.Err() != nil || within(r.outages, r.since()) {
		return pointsman.Claim{}, false, errDown
	}
	if !r.needsWorker() {
		return pointsman.Claim{}, false, nil
	}
	c, ok, err := r.store.ClaimRun(ctx, owner, ttl)
	if !ok || err != nil {
		return c, ok, err
	}
	if old := r.handedOut(c.Run.ID, c.Epoch); c.Epoch <= old {
		r.violated("I4: epoch %d of %s was handed out after epoch %d", c.Epoch, c.Run.ID, old)
	}
	r.stand(ctx, "claimed", c.Run.ID)
	if ctx.Err() != nil || r.strikes(4, "claim lost", r.name) {
		return pointsman.Claim{}, false, errDown
	}
	return c, ok, err
}

func (r *replica) Heartbeat(ctx context.Context, run string, epoch int64, ttl time.Duration) error {
	r.stand(ctx, "beat", run)
	if within(r.outages, r.since()) || r.strikes(10, "beat lost", r.name) {
		return errDown
	}
	return r.store.Heartbeat(ctx, run, epoch, ttl)
}

func (r *replica) Checking(ctx context.Context, after string) ([]pointsman.Proposal, string, error) {
	r.stand(ctx, "checking", "")
	if !r.awaitsChecks() {
		return nil, "", nil
	}
	return r.store.Checking(ctx, after)
}

func (r *replica) DueIncidents(ctx context.Context, now time.Time, limit int) ([]string, error) {
	if !r.due(now) {
		return nil, nil
	}
	r.stand(ctx, "due", "")
	return r.store.DueIncidents(ctx, now, limit)
}

func (r *replica) Held(ctx context.Context) (pointsman.Held, error) {
	r.stand(ctx, "held", "")
	if ctx.Err() != nil || within(r.outages, r.since()) {
		return pointsman.Held{}, errors.Join(errDown, ctx.Err())
	}
	return r.store.Held(ctx)
}

// Changed is the notice of a commit, which may be lost, and once a second the safety net. They are one channel, because
// Go chooses by chance between two that are ready, and chance must come from the seed alone.
func (r *replica) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wake
}

// notify is called under the world's lock.
func (r *replica) notify() {
	close(r.wake)
	r.wake = make(chan struct{})
}

func (r *replica) net(ctx context.Context) {
	for ctx.Err() == nil {
		time.Sleep(r.moment(2*time.Second, r.name, "net"))
		r.mu.Lock()
		r.notify()
		r.mu.Unlock()
	}
}

// desk is a replica for its planner, whose own ticker is the only thing that wakes it.
type desk struct{ *replica }

func (desk) Changed() <-chan struct{} { return nil }

// live is a process that crashes now and then and comes back under another name.
func (r *replica) live(ctx context.Context) {
	for life := 0; ctx.Err() == nil; life++ {
		run, crash := context.WithCancel(ctx)
		span, away := r.moment(r.storm, r.name, "span"), r.span(12*time.Second, r.name, "away")
		back := r.since() + span + away
		if r.strikes(60, r.name, "crash") {
			time.AfterFunc(span, crash)
		}
		r.loops(run, life)
		crash()
		// A loop that finds both its end and its work may look once more or not; that must not move what comes after.
		time.Sleep(max(back-r.since(), 0))
		time.Sleep(r.since().Truncate(time.Second) + time.Second - r.since() + r.moment(time.Millisecond, r.name, "back"))
	}
}

// loops are the shipping loops of one process, until it crashes.
func (r *replica) loops(ctx context.Context, life int) {
	kinds, err := actions.NewRegistry(nil, lever{r, "yard.fence"}, lever{r, "yard.throw"})
	if err != nil {
		panic(err)
	}
	log := slog.New(slog.DiscardHandler)
	warden := &actions.Warden{Records: r, Guards: actions.DefaultGuards, Kinds: kinds, CheckTimeout: 3 * time.Second}
	resolver := &actions.Resolver{Kinds: kinds, Catalog: r.cat, CheckTimeout: 3 * time.Second, Warden: warden, Log: log}
	planner := &actions.Planner{Desk: desk{r}, Log: log, Resolver: resolver}
	engine := &actions.Engine{
		Ledger: r, Kinds: kinds, Catalog: r.cat, Warden: warden, Owner: r.name + "." + strconv.Itoa(life), Lease: 6 * time.Second,
		Beat: 2 * time.Second, Sweep: time.Hour, CheckTimeout: 3 * time.Second, Log: log,
	}
	clock := comms.Clock{Agenda: r}
	if s, ok := r.store.(*store.Store); ok {
		kinds.Clock, clock.Now = s.Now, s.Now
	}
	var wg sync.WaitGroup
	for name, loop := range map[string]func(context.Context) error{"planner": planner.Run, "engine": engine.Run, "clock": clock.Run, "net": func(ctx context.Context) error { r.net(ctx); return nil }} {
		wg.Go(func() {
			time.Sleep(r.moment(time.Second, r.name, name)) // each ticker in its own lane
			_ = loop(ctx)
		})
	}
	wg.Wait()
}
