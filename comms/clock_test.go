package comms_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/comms"
)

// agenda holds when each incident is due; a tick moves it on by every, or removes it.
type agenda struct {
	due    map[string]time.Time
	every  time.Duration
	ticked []string
	start  time.Time
	fault  func() error
}

func (a *agenda) DueIncidents(_ context.Context, now time.Time, _ int) ([]string, error) {
	if a.fault != nil {
		if err := a.fault(); err != nil {
			return nil, err
		}
	}
	var out []string
	for _, id := range []string{"INC-1", "INC-2"} {
		if at, ok := a.due[id]; ok && !at.After(now) {
			out = append(out, id)
		}
	}
	return out, nil
}

func (a *agenda) Do(_ context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	id := cmd.(pointsman.Tick).Incident
	if id == "INC-2" {
		return pointsman.Result{}, errors.New("cannot be decided")
	}
	a.ticked = append(a.ticked, time.Since(a.start).String())
	a.due[id] = a.due[id].Add(a.every)
	return pointsman.Result{}, nil
}

func TestClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		a := &agenda{due: map[string]time.Time{"INC-1": start.Add(10 * time.Minute), "INC-2": start}, every: 10 * time.Minute, start: start}
		a.fault = func() error { // the store is away when the first update is due
			if since := time.Since(start); since > 9*time.Minute && since < 11*time.Minute {
				return errors.New("connection refused")
			}
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- comms.Clock{Agenda: a}.Run(ctx) }()
		time.Sleep(35 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := []string{"11m0s", "20m0s", "30m0s"} // late once, then on time; the incident that cannot be decided holds up none
		if d := cmp.Diff(want, a.ticked); d != "" {
			t.Error(d)
		}
	})
}
