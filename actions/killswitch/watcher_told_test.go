package killswitch

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// changing is a switch that is read as engaged and released in turn, once a second, beginning with released.
func changing(t *testing.T) (w *Watcher, read func()) {
	t.Helper()
	w, err := New(Config{{Name: "trading", Environment: "staging", DSN: "postgres://pointsman@127.0.0.1:1/x"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, at, engaged := w.switches["trading"], time.Now().Add(-time.Minute), true
	return w, func() {
		at, engaged = at.Add(time.Millisecond), !engaged
		s.saw(row{Engaged: engaged, At: at, UpdatedAt: at})
		w.note(s)
	}
}

// The record is kept in a database of its own, which may be away just when a switch is thrown. What happened meanwhile is
// told when it is back: all of it, in its order, each once.
func TestAChangeIsToldUntilItIsTaken(t *testing.T) {
	t.Parallel()
	w, read := changing(t)
	var got []State
	away := true
	w.OnChange = func(_ context.Context, st Status) error {
		if away {
			return errors.New("the store does not answer")
		}
		got = append(got, st.State)
		return nil
	}
	s := w.switches["trading"]
	for range 3 {
		read()
		if w.told(t.Context(), s) {
			t.Fatal("a change that nobody took counts as told")
		}
	}
	away = false
	for range 2 {
		if !w.told(t.Context(), s) {
			t.Fatal("changes are left over")
		}
	}
	if d := cmp.Diff([]State{Released, Engaged, Released}, got); d != "" {
		t.Error(d)
	}
}

// A switch that is not read for a while counts as engaged, so whoever hangs on a change must not hold up the reading.
func TestTheReadingDoesNotWaitForWhoeverIsTold(t *testing.T) {
	t.Parallel()
	w, read := changing(t)
	told, hang := make(chan Status), make(chan struct{})
	w.OnChange = func(_ context.Context, st Status) error {
		told <- st
		<-hang
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.report(ctx, w.switches["trading"])
	}()
	read()
	<-told // and it hangs
	for range 2*maxUntold + 1 {
		read()
	}
	if st, _ := w.Status("trading"); st.State != Engaged {
		t.Errorf("it counts as %s", st.State)
	}
	if n := len(w.switches["trading"].untold); n != maxUntold {
		t.Errorf("%d changes are kept, want the newest %d", n, maxUntold)
	}
	cancel()
	close(hang)
	for {
		select {
		case <-told:
		case <-ended:
			return
		}
	}
}

// Whoever tells a change knows by the row's time whether it can have been told before: a lost write brings back a time of
// which everybody heard, and a hand may leave it as it is.
func TestAChangeSaysWhetherItsRowIsNewerThanAllBefore(t *testing.T) {
	t.Parallel()
	w, _ := changing(t)
	s, at := w.switches["trading"], time.Now()
	w.OnChange = func(context.Context, Status) error { return nil }
	for _, c := range []struct {
		why     string
		engaged bool
		row     int64
		rose    bool
	}{
		{"the first look", false, 1000, true},
		{"engaged", true, 2000, true},
		{"the engage is lost", false, 1000, false},
		{"and is there again", true, 2000, false},
		{"released by a hand that leaves the time", false, 2000, false},
		{"engaged", true, 3000, true},
		{"released by a clock that is behind", false, 2500, false},
	} {
		at = at.Add(time.Millisecond)
		s.saw(row{Engaged: c.engaged, At: at, UpdatedAt: time.Unix(c.row, 0)})
		w.note(s)
		if got := s.untold[len(s.untold)-1]; got.Rose != c.rose {
			t.Errorf("%s: rose %t", c.why, got.Rose)
		}
	}
}
