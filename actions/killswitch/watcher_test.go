package killswitch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman/actions/killswitch"
)

func TestWatcher(t *testing.T) {
	t.Parallel()
	pg, s := server(t, table+released)
	w := watcher(t, s)
	if st, _ := w.Status("trading"); st.State != killswitch.Stale || !st.Engaged() || st.Text() != "trading was never read and counts as engaged: not read yet" {
		t.Errorf("before the first read: %+v %q", st, st.Text())
	}
	changes := make(chan killswitch.State, 10)
	away := true // whoever keeps the record is not there at first: the change is told again
	w.OnChange = func(_ context.Context, st killswitch.Status) error {
		if away {
			away = false
			return errors.New("the store does not answer")
		}
		changes <- st.State
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	becomes := func(want killswitch.State) killswitch.Status {
		t.Helper()
		await(t, func(context.Context) error {
			if st, _ := w.Status("trading"); st.State != want {
				return fmt.Errorf("%s, want %s", st.State, want)
			}
			return nil
		})
		st, _ := w.Status("trading")
		return st
	}
	// Its row was not touched for months, and it is fresh all the same.
	if st := becomes(killswitch.Released); st.Engaged() || time.Since(st.Since) < 24*time.Hour {
		t.Errorf("status %+v", st)
	}
	if err := pg.Kill(); err != nil {
		t.Fatal(err)
	}
	st := becomes(killswitch.Stale)
	if !st.Engaged() || st.Age < s.StaleAfter || !strings.Contains(st.Text(), "and counts as engaged: ") {
		t.Errorf("status %+v %q", st, st.Text())
	}
	if err := pg.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	becomes(killswitch.Released)
	exec(t, pg, `UPDATE kill_switch_state SET engaged = true, updated_at = now()`)
	becomes(killswitch.Engaged)
	await(t, func(context.Context) error { // it is told a moment after it can be seen
		if len(changes) < 4 {
			return fmt.Errorf("%d changes were told", len(changes))
		}
		return nil
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	close(changes)
	var got []killswitch.State
	for c := range changes {
		got = append(got, c)
	}
	if d := cmp.Diff([]killswitch.State{"released", "stale", "released", "engaged"}, got); d != "" {
		t.Error(d)
	}
}
