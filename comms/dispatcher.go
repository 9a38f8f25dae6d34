package comms

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
)

// Dispatcher sees deliveries through. Any number of processes may run one on the same outbox.
type Dispatcher struct {
	Outbox  Outbox
	Journal Journal
	Prompt  Prompt // may be nil: then every delivery waits for a transaction of its own
	Ways    []Way
	Owner   string // names this process in leases

	Now func() time.Time // the store's clock; default time.Now

	Leases Leases        // may be nil where no other process can be
	Lease  time.Duration // how long Claim leases; default 30 s, which is longer than any attempt
	Beat   time.Duration // between prolongations by Leases; default a third of Lease

	Attempt  time.Duration // deadline of one attempt; default 10 s
	Attempts int           // after so many a delivery is parked; default 480, about three hours
	Workers  int           // attempts at work at once per way and class; default 8
	Grace    time.Duration // how long a stop waits for attempts at work; default 5 s
	Metrics  *Metrics      // may be nil
	Log      *slog.Logger  // may be nil
}

const (
	// page is how many events a follower reads in one transaction.
	page = 100
	// batch is how many deliveries are claimed at once.
	batch = 32
	// held bounds the deliveries of one queue that are claimed and not settled, at work or waiting for a free worker. A bound
	// of all together would let a way that hangs take the places of the others, also where these are more pressing.
	held = 256
	// patience is how long a claimed delivery waits for a free worker of its way before it is handed back: together
	// with the attempt it must end before a lease does that nobody prolongs, or another process would say it too.
	patience = 10 * time.Second
)

// Run works until the context ends, then lets the attempts at work end within Grace. What is not settled by then is
// taken up by the next process.
func (d Dispatcher) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	r := &dispatch{
		Dispatcher: d.withDefaults(), stopping: ctx.Done(), work: work, ways: map[string]Way{},
		slots: map[pointsman.Queue]chan struct{}{}, mine: map[int64]*hold{}, places: map[pointsman.Queue]int{}, look: make(chan struct{}, 1),
	}
	var followers sync.WaitGroup
	for _, w := range r.Ways {
		r.ways[w.Name()] = w
	}
	for _, w := range r.Ways {
		f := &follower{way: w}
		defer r.attend(ctx, f)()
		followers.Go(func() { r.follow(ctx, f) })
	}
	if r.Leases != nil {
		stop := r.keeping(work)
		defer stop() // after the attempts at work
	}
	r.claimAll(ctx)
	followers.Wait()
	r.close()
	idle := make(chan struct{})
	go func() { r.sends.Wait(); close(idle) }()
	select {
	case <-idle:
	case <-time.After(r.Grace):
		cancel()
		<-idle
	}
	return nil
}

func (d Dispatcher) withDefaults() Dispatcher {
	if d.Attempt <= 0 || d.Attempt > 15*time.Second {
		d.Attempt = 10 * time.Second
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Attempts <= 0 {
		d.Attempts = 480
	}
	if d.Workers <= 0 {
		d.Workers = 8
	}
	if d.Lease <= 0 {
		d.Lease = 30 * time.Second
	}
	if d.Beat <= 0 {
		d.Beat = d.Lease / 3
	}
	if d.Grace <= 0 {
		d.Grace = 5 * time.Second
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return d
}

// dispatch is one running Dispatcher.
type dispatch struct {
	Dispatcher
	stopping <-chan struct{} // closed when nothing new may begin
	work     context.Context // outlives stopping by Grace
	ways     map[string]Way
	look     chan struct{} // somebody has reason to claim
	sends    sync.WaitGroup

	mu     sync.Mutex
	slots  map[pointsman.Queue]chan struct{} // free workers
	mine   map[int64]*hold                   // deliveries that this process holds
	places map[pointsman.Queue]int           // how many of each queue they are
	closed bool                              // no attempt may begin
}

// claimAll hands out what is due until the context ends.
func (r *dispatch) claimAll(ctx context.Context) {
	net := time.NewTicker(time.Second)
	defer net.Stop()
	for {
		changed := r.Journal.Changed()
		r.claim(ctx)
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-r.look:
		case <-net.C:
		}
	}
}

func (r *dispatch) claim(ctx context.Context) {
	for ctx.Err() == nil {
		until := time.Now().Add(r.Lease)
		due, err := r.Outbox.Claim(ctx, r.Owner, batch, r.full()...) // whoever ends in a full one looks again
		if err != nil {
			if ctx.Err() == nil {
				r.Log.Warn("no deliveries could be claimed", "err", err)
			}
			return
		}
		r.begin(due, until)
		if len(due) < batch {
			return
		}
	}
}

// begin attempts what was claimed and is ours until the given time. What comes when nothing may begin any more is handed
// back, so that the next process need not wait for the end of the lease.
func (r *dispatch) begin(claimed []pointsman.Delivery, until time.Time) {
	for _, d := range claimed {
		pointsman.Failpoint("delivery.claimed", d.Follower)
		if !r.take(d, until) {
			continue
		}
		if !r.start(func() { defer r.drop(d); r.deliver(d) }) {
			r.store(d, pointsman.Settlement{RetryAt: r.Now(), Problem: d.Problem})
			r.drop(d)
		}
	}
}

// start begins an attempt, unless the attempts at work are waited for already.
func (r *dispatch) start(attempt func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.sends.Go(attempt)
	}
	return !r.closed
}

func (r *dispatch) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

// wake makes claimAll look at once.
func (r *dispatch) wake() {
	select {
	case r.look <- struct{}{}:
	default:
	}
}

// full are the queues that have no place for all of a batch.
func (r *dispatch) full() (out []pointsman.Queue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for q, n := range r.places {
		if held-n < batch {
			out = append(out, q)
		}
	}
	return out
}

// room is how many more deliveries of a queue this process can see through before their leases end.
func (r *dispatch) room(q pointsman.Queue) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return held - r.places[q]
}

// take refuses what this process still works at: its lease can end while the store is away and its outcome is not
// stored yet, and then it would be said twice.
func (r *dispatch) take(d pointsman.Delivery, until time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mine[d.ID] != nil {
		return false
	}
	r.mine[d.ID] = &hold{delivery: d, until: until}
	r.places[d.Queue()]++
	return true
}

func (r *dispatch) drop(d pointsman.Delivery) {
	r.mu.Lock()
	delete(r.mine, d.ID)
	r.places[d.Queue()]--
	r.mu.Unlock()
	r.wake()
}

// workers returns the free workers of a queue: whoever can put a token in may begin. Urgent deliveries have their own, so that
// chatter of the same way cannot hold them up.
func (r *dispatch) workers(d pointsman.Delivery) chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := d.Queue()
	if r.slots[q] == nil {
		r.slots[q] = make(chan struct{}, r.Workers)
	}
	return r.slots[q]
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
