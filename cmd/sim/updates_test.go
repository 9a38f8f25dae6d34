package sim

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/comms"
)

// TestUpdatesComeOnTimeForADay lets the processes that could write a timed update crash, freeze and follow each other
// through 24 hours: each update comes once and within 30 seconds of its time.
func TestUpdatesComeOnTimeForADay(t *testing.T) {
	for day := range number(0, usualDays, 1000) {
		t.Run(fmt.Sprint(day), func(t *testing.T) {
			t.Parallel()
			every, open := 10*time.Minute, onMemory
			if day%2 == 1 {
				every, open = 15*time.Minute, onSQLite
			}
			w := newWorld(uint64(day)+1, "")
			synctest.Test(t, func(t *testing.T) { w.day(t, every, open) })
			for _, says := range w.broken {
				t.Error(says)
			}
		})
	}
}

const aDay = 24 * time.Hour

func (w *world) day(t *testing.T, every time.Duration, open func(*testing.T, *world) backing) {
	ctx, cancel := context.WithCancel(t.Context())
	w.start, w.storm = time.Now(), aDay
	w.outages = w.windows(80, 9*time.Second, "outage")
	w.store = open(t, w)
	var wg sync.WaitGroup
	for i := range 3 {
		r := &replica{world: w, name: fmt.Sprint("r", i), wake: make(chan struct{})}
		r.halt = w.windows(80, 9*time.Second, r.name, "halt")
		wg.Go(func() { r.watch(ctx) })
	}
	alert := pointsman.Alert{Fingerprint: "f1", Labels: map[string]string{"alertname": "TrackBlocked"}, StartsAt: w.start, Status: pointsman.AlertFiring}
	res, err := w.give(ctx, pointsman.ReceiveAlerts{Key: "k", Title: "Track blocked", Target: yard, Alerts: []pointsman.Alert{alert}, Update: every})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(aDay + time.Minute)
	cancel()
	wg.Wait()
	time.Sleep(time.Minute)
	w.onTime(t, res.State.Incident, every)
}

// watch is the clock of one process, life after life.
func (r *replica) watch(ctx context.Context) {
	for ctx.Err() == nil {
		time.Sleep(r.moment(9*time.Second, r.name, "away"))
		run, crash := context.WithTimeout(ctx, r.moment(20*time.Minute, r.name, "span"))
		_ = comms.Clock{Agenda: r}.Run(run)
		crash()
	}
}

func (w *world) onTime(t *testing.T, inc pointsman.Incident, every time.Duration) {
	t.Helper()
	events, err := w.store.Events(t.Context(), "", 0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, ev := range events {
		if ev.Type != pointsman.EvIncidentUpdate {
			continue
		}
		n++
		if late := ev.At.Sub(inc.OpenedAt) - time.Duration(n)*every; late < 0 || late > 30*time.Second {
			t.Errorf("update %d came %s after its time", n, late)
		}
	}
	if want := int(aDay / every); n != want {
		t.Errorf("%d updates in a day, want %d", n, want)
	}
}
