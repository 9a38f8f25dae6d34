package actions

import (
	"context"
	"sync"
	"time"
)

// driven are the runs that this process drives. While the store is away their leases end; when it is back they are
// renewed before anything is claimed, or this process would take over from itself a run whose outcome it is about to
// store, and would not know any more what it did.
type driven struct {
	mu   sync.Mutex
	runs map[string]*tenure
}

// tenure is the hold on one driven run.
type tenure struct {
	epoch   int64
	renewed time.Time // by our clock, before the request that renewed it
	cancel  context.CancelCauseFunc
}

func (d *driven) add(run string, l *tenure) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.runs == nil {
		d.runs = map[string]*tenure{}
	}
	d.runs[run] = l
}

// drop forgets a run, unless it is driven under another epoch by now.
func (d *driven) drop(run string, l *tenure) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.runs[run] == l {
		delete(d.runs, run)
	}
}

// late lists the runs whose leases were not renewed for the given time.
func (d *driven) late(after time.Duration) map[string]*tenure {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[string]*tenure{}
	for run, l := range d.runs {
		if time.Since(l.renewed) > after {
			out[run] = l
		}
	}
	return out
}

// renew prolongs the lease of a driven run. A conflict ends its step: another process owns it.
func (e *Engine) renew(ctx context.Context, run string, l *tenure) error {
	began := time.Now()
	err := e.Ledger.Heartbeat(ctx, run, l.epoch, e.Lease)
	if conflict(err) {
		l.cancel(errFenced)
		return nil
	}
	if err == nil {
		e.driven.mu.Lock()
		l.renewed = began
		e.driven.mu.Unlock()
	}
	return err
}

// own renews what this process drives and could not renew in time, and reports whether it may claim more.
func (e *Engine) own(ctx context.Context) bool {
	for run, l := range e.driven.late(e.Lease - e.Beat) {
		if err := e.renew(ctx, run, l); err != nil {
			return false // the store is away again
		}
	}
	return true
}
