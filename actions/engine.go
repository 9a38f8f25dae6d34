package actions

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
)

// Ledger is what the engine needs of the store: the rows that are the only truth.
type Ledger interface {
	Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error)
	Runs
}

// Runs hands out leases on runs.
type Runs interface {
	// ClaimRun leases one run that is queued, due after waiting, or whose owner's lease has ended. The bool is false
	// if there is none.
	ClaimRun(ctx context.Context, owner string, lease time.Duration) (pointsman.Claim, bool, error)
	// Heartbeat prolongs the lease. An Error with CodeConflict says that another owner has the run.
	Heartbeat(ctx context.Context, run string, epoch int64, lease time.Duration) error
	Changed() <-chan struct{}
}

// Engine carries out approved runs. It is the only loop that changes the world.
type Engine struct {
	Ledger  Ledger
	Kinds   *Registry
	Catalog Catalog
	Warden  *Warden // nil protects nothing beyond the run
	History History // nil tells of no slow steps
	Owner   string  // names this process in leases

	Lease        time.Duration // how long a claim lasts without a heartbeat
	Beat         time.Duration // between heartbeats
	Sweep        time.Duration // between looks for runs whose owner died
	CheckTimeout time.Duration
	Tries        int           // how many attempts at most that send nothing; 0 means DefaultTries
	Grace        time.Duration // how long a stop waits for the steps at work
	Log          *slog.Logger

	driven driven
}

// Run works until the context ends; then it claims nothing more and lets the runs at work go on for Grace.
func (e *Engine) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var wg sync.WaitGroup
	sweep := time.NewTicker(e.Sweep)
	defer sweep.Stop()
	for ctx.Err() == nil {
		drain(sweep.C)                // a look because of a commit serves for the tick beside it
		changed := e.Ledger.Changed() // before the look, so that nothing is missed in between
		for e.claim(ctx, work, &wg) {
			continue
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-sweep.C:
		}
	}
	idle := make(chan struct{})
	go func() { wg.Wait(); close(idle) }()
	select {
	case <-idle:
	case <-time.After(e.Grace):
		cancel() // the lease ends by itself and a successor observes
		<-idle
	}
	return nil
}

func drain(tick <-chan time.Time) {
	select {
	case <-tick:
	default:
	}
}

// claim takes one run and drives it in the background.
func (e *Engine) claim(ctx, work context.Context, wg *sync.WaitGroup) bool {
	if !e.own(ctx) {
		return false
	}
	claimed := time.Now()
	c, ok, err := e.Ledger.ClaimRun(ctx, e.Owner, e.Lease)
	if err != nil {
		if ctx.Err() == nil {
			e.Log.Warn("no run could be claimed", "err", err)
		}
		return false
	}
	if !ok {
		return false
	}
	if !c.Since.IsZero() {
		claimed = c.Since
	}
	pointsman.Failpoint("run.claimed", c.Run.Runbook)
	wg.Go(func() { e.drive(work, c, claimed) })
	return true
}

// errFenced is the cause of a cancelled step: another process owns the run now.
var errFenced = errors.New("another process owns the run")

// drive carries one run as far as it goes under this claim.
func (e *Engine) drive(ctx context.Context, c pointsman.Claim, claimed time.Time) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	log := e.Log.With("incident", pointsman.IncidentOf(c.Run.ID), "run", c.Run.ID)
	l := &tenure{epoch: c.Epoch, renewed: claimed, cancel: cancel}
	e.driven.add(c.Run.ID, l)
	defer e.driven.drop(c.Run.ID, l)
	go e.beat(ctx, c, l)
	run, err := e.enter(ctx, c)
	for err == nil && run.State == pointsman.RunRunning {
		run, err = e.step(ctx, run, c.Epoch)
	}
	for err == nil && run.State == pointsman.RunUndoing {
		run, err = e.undo(ctx, run, c.Epoch, c.Run.Undoing())
	}
	switch {
	case errors.Is(context.Cause(ctx), errFenced):
		log.Warn("run lost to another owner; nothing more is written", "epoch", c.Epoch)
	case err != nil:
		log.Error("run not driven on; its lease will end and it will be observed", "err", err)
	default:
		log.Info("run left", "state", run.State, "note", run.Note)
	}
}

// beat keeps the lease. Only word of another owner cancels the step: a store that cannot be reached says nothing
// about who owns the run, and the step at work goes on to its own deadline.
func (e *Engine) beat(ctx context.Context, c pointsman.Claim, l *tenure) {
	tick := time.NewTicker(e.Beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		pointsman.Failpoint("heartbeat.before", c.Run.Runbook)
		err := e.renew(ctx, c.Run.ID, l)
		pointsman.Failpoint("heartbeat.after", c.Run.Runbook)
		if err != nil && ctx.Err() == nil {
			e.Log.Warn("heartbeat not stored", "run", c.Run.ID, "err", err)
		}
	}
}

func conflict(err error) bool {
	e, ok := errors.AsType[*pointsman.Error](err)
	return ok && e.Code == pointsman.CodeConflict
}

// newer: a person's word was taken by a replica of a newer version, and the run now carries what only that one
// understands. This one lets go of it, or it would hold the lease and try for ever; its successor observes.
func newer(err error) bool {
	e, ok := errors.AsType[*pointsman.Error](err)
	return ok && e.Code == pointsman.CodeNewer
}

// enter brings the claimed run into the state running, or leaves it where it must not run.
func (e *Engine) enter(ctx context.Context, c pointsman.Claim) (pointsman.Run, error) {
	run := c.Run
	switch run.State {
	case pointsman.RunQueued:
		pointsman.Failpoint("recheck.before", run.Runbook)
		facts := e.startFacts(ctx, run)
		pointsman.Failpoint("recheck.after", run.Runbook)
		if lost := context.Cause(ctx); lost != nil {
			return run, lost // checks that were cut short say nothing about the world
		}
		return e.say(ctx, pointsman.StartRun{Run: run.ID, Epoch: c.Epoch, Facts: facts, People: e.people()})
	case pointsman.RunWaiting:
		wake := pointsman.WakeRun{Run: run.ID, Epoch: c.Epoch, Checked: run.Fresh}
		if run.Fresh {
			wake.Facts = e.startFacts(ctx, run)
			if lost := context.Cause(ctx); lost != nil {
				return run, lost
			}
		}
		return e.say(ctx, wake)
	case pointsman.RunUndoing:
		if run.Undoing() < 0 {
			return e.say(ctx, pointsman.BeginUndo{Run: run.ID, Epoch: c.Epoch})
		}
		return e.say(ctx, pointsman.TakeOver{Run: run.ID, Epoch: c.Epoch, Owner: e.Owner})
	case pointsman.RunRunning:
		return e.say(ctx, pointsman.TakeOver{Run: run.ID, Epoch: c.Epoch, Owner: e.Owner})
	}
	return run, nil
}

func (e *Engine) startFacts(ctx context.Context, run pointsman.Run) []pointsman.Fact {
	plan, err := pointsman.DecodePlan(run.Plan)
	if err != nil {
		return []pointsman.Fact{{Guard: "G6", Kind: pointsman.Hard, Name: "plan", Value: "unreadable", Source: "the stored plan", At: e.now(), Result: pointsman.Fail, Text: err.Error(), Clears: "refresh the checks"}}
	}
	return e.recheck(ctx, run, plan, run.Current())
}

// now is the time of the store.
func (e *Engine) now() time.Time { return e.Kinds.clock().Now() }

// until is how long it is until a stored time.
func (e *Engine) until(t time.Time) time.Duration { return e.Kinds.clock().Until(t) }

func (e *Engine) people() map[string]pointsman.Person {
	out := map[string]pointsman.Person{}
	for _, p := range e.Catalog.People() {
		out[p.ID] = p
	}
	return out
}

// say hands a command to the store and returns the run after it. A store that cannot be reached is asked again until
// it answers or the claim is lost: the outcome of an effect must not be forgotten because a database restarts.
func (e *Engine) say(ctx context.Context, cmd pointsman.Command) (pointsman.Run, error) {
	id := cmd.Subject().Run
	wait, lost := 50*time.Millisecond, false
	for {
		res, err := e.Ledger.Do(ctx, cmd)
		if err == nil {
			return heard(res, cmd.Subject(), lost)
		}
		if conflict(err) || newer(err) || ctx.Err() != nil {
			e.lateResult(ctx, cmd, err)
			return pointsman.Run{}, err
		}
		lost = true
		e.Log.Warn("outcome not stored yet", "run", id, "err", err)
		select {
		case <-ctx.Done():
			e.lateResult(ctx, cmd, err)
			return pointsman.Run{}, context.Cause(ctx)
		case <-time.After(wait):
			wait = min(2*wait, 2*time.Second)
		}
	}
}

// heard reads the reducer's answer. lost says that an earlier try got none: a conflict under our own epoch then means
// that it had been stored, because nobody else writes under this epoch, and the run goes on from there at once.
func heard(res pointsman.Result, sub pointsman.Subject, lost bool) (pointsman.Run, error) {
	run, ok := res.State.Run(sub.Run)
	switch code := res.Answer.Code; {
	case !ok:
		return run, pointsman.Errorf(pointsman.CodeNotFound, "run %s is gone: %s", sub.Run, res.Answer.Text)
	case res.Answer.OK() || code == pointsman.CodeChanged:
		return run, nil
	case code == pointsman.CodeConflict && run.State != pointsman.RunRunning:
		return run, nil // a person ended it, or it waits; either way this claim has nothing left to do
	case code == pointsman.CodeConflict && lost && run.Epoch == sub.Epoch:
		return run, nil
	}
	return run, pointsman.Errorf(pointsman.CodeConflict, "%s", res.Answer.Text)
}
