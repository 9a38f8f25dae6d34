package store

import (
	"context"
	"errors"
	"testing"
	"time"
)

// scene is a clock in a world whose times the test moves: the database's, what passed here, and the wall clock.
type scene struct {
	*clock
	database, here time.Time
	gone           time.Duration
	trip           time.Duration // how long an answer takes; it is given in the middle
	asked          int
	down           error
}

var dawn = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{database: dawn, here: dawn.Add(-7 * time.Hour), trip: 2 * time.Millisecond}
	s.clock = newClock(func() time.Time { return s.here }, func(context.Context) (time.Time, error) {
		s.asked++
		s.pass(s.trip / 2)
		at := s.database
		s.pass(s.trip / 2)
		return at, s.down
	})
	s.passed = func() time.Duration { return s.gone }
	if err := s.start(t.Context(), time.Time{}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scene) pass(d time.Duration) {
	s.gone += d
	s.database, s.here = s.database.Add(d), s.here.Add(d)
}

func (s *scene) off() time.Duration { return s.now().Sub(s.database) }

func (s *scene) look(t *testing.T) {
	t.Helper()
	if _, err := s.sample(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestClock_is_the_databases_carried_on_by_what_passes_here(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for range 100 {
		s.pass(time.Second)
		s.here = s.here.Add(-time.Hour) // the wall clock may be set as often as one likes
		if off := s.off(); off != 0 {
			t.Fatalf("%s off", off)
		}
	}
	if s.asked != 1 {
		t.Errorf("telling the time asked %d times", s.asked)
	}
}

func TestClock_a_slow_answer_teaches_nothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.trip = 4 * time.Second
	s.pass(time.Second)
	s.look(t)
	if off := s.off(); off != 0 {
		t.Errorf("%s off after an answer that took %s", off, s.trip)
	}
}

func TestClock_stays_within_a_round_trip_of_a_database_that_runs_faster_or_slower(t *testing.T) {
	t.Parallel()
	for _, drift := range []time.Duration{time.Millisecond, -time.Millisecond} {
		s := newScene(t)
		for range 1000 {
			s.pass(time.Second)
			s.database = s.database.Add(drift)
			s.look(t)
			if off := s.off().Abs(); off > s.trip {
				t.Fatalf("%s off, a round trip is %s", off, s.trip)
			}
		}
	}
}

func TestClock_follows_a_database_that_is_set_forward_at_once(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.database = s.database.Add(time.Hour)
	s.pass(time.Second)
	s.look(t)
	if off := s.off().Abs(); off > s.trip {
		t.Errorf("%s off", off)
	}
}

func TestClock_goes_on_while_the_database_is_set_back(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	before := s.now()
	s.database = s.database.Add(-time.Hour)
	for range 900 { // the quarter of an hour that an approval lasts
		s.pass(time.Second)
		earlier := s.now()
		s.look(t)
		if s.now().Before(earlier) {
			t.Fatal("it ran backwards")
		}
	}
	if passed := s.now().Sub(before); passed < 13*time.Minute || passed > 15*time.Minute+time.Second*2 {
		t.Errorf("in 15 minutes %s passed", passed)
	}
	for range 10 * 3600 {
		s.pass(time.Second)
		s.look(t)
	}
	if off := s.off().Abs(); off > s.trip {
		t.Errorf("%s off after ten hours", off)
	}
}

func TestClock_asks_again_before_a_decision_where_the_process_or_its_machine_stood_still(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		stood func(*scene)
		asks  bool
	}{
		"nothing":                             {func(s *scene) { s.pass(time.Second) }, false},
		"frozen for a minute":                 {func(s *scene) { s.pass(time.Minute) }, true},
		"paused, then the wall clock was set": {func(s *scene) { s.database, s.here = s.database.Add(time.Hour), s.here.Add(time.Hour) }, true},
		"only the wall clock was set":         {func(s *scene) { s.here = s.here.Add(-time.Hour) }, true},
	} {
		s := newScene(t)
		tc.stood(s)
		if err := s.fresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if again := s.asked > 1; again != tc.asks {
			t.Errorf("%s: asked again: %t", name, again)
		}
		if off := s.off().Abs(); off > s.trip {
			t.Errorf("%s: %s off", name, off)
		}
		if asked := s.asked; s.fresh(t.Context()) != nil || s.asked != asked {
			t.Errorf("%s: asked once more", name)
		}
	}
	s := newScene(t)
	s.pass(time.Minute)
	if s.down = errors.New("away"); s.fresh(t.Context()) == nil {
		t.Error("decided by an old time while the database is away")
	}
}

func TestClock_alone_starts_behind_nothing_that_is_stored(t *testing.T) {
	t.Parallel()
	for _, newest := range []time.Time{{}, dawn.Add(-time.Hour), dawn.Add(time.Hour)} {
		c := newClock(func() time.Time { return dawn }, nil)
		if err := c.start(t.Context(), newest); err != nil {
			t.Fatal(err)
		}
		if now := c.now(); now.Before(dawn) || now.Before(newest) || now.After(dawn.Add(time.Hour+time.Minute)) {
			t.Errorf("newest %s: it starts at %s", newest, now)
		}
	}
}

func TestClock_counts_what_the_machine_slept(t *testing.T) {
	t.Parallel()
	var slept time.Duration
	known := true
	s := sleep{read: func() (time.Duration, bool) { return slept, known }}
	for _, tc := range []struct {
		slept time.Duration
		known bool
		want  time.Duration
	}{
		{time.Hour, true, time.Hour},
		{time.Hour + time.Millisecond, true, time.Hour}, // the reading's own jitter
		{time.Hour - time.Millisecond, true, time.Hour},
		{0, false, time.Hour}, // it could not be told this time
		{2 * time.Hour, true, 2 * time.Hour},
	} {
		slept, known = tc.slept, tc.known
		if got := s.total(); got != tc.want {
			t.Errorf("slept %s: %s counted, want %s", tc.slept, got, tc.want)
		}
	}
	if d, ok := suspended(); ok && d < 0 {
		t.Errorf("this machine slept %s", d)
	}
}

// TestClock_begins_behind_nothing_that_is_stored: the database moved to a host whose clock is five minutes behind. What is
// stored is due by the time that was, and the replicas that ran on are ahead like this.
func TestClock_begins_behind_nothing_that_is_stored(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	again := newClock(func() time.Time { return s.here }, s.ask)
	again.passed = s.passed
	newest := s.database.Add(5 * time.Minute)
	if err := again.start(t.Context(), newest); err != nil {
		t.Fatal(err)
	}
	if now := again.now(); now.Before(newest) {
		t.Errorf("it begins at %s, the log ends at %s", now, newest)
	}
	for range 51 * 60 { // a tenth of the time that passes is taken back
		s.pass(time.Second)
		if _, err := again.sample(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if off := again.now().Sub(s.database); off.Abs() > s.trip {
		t.Errorf("%s off after an hour", off)
	}
}
