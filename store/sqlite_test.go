package store_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/store"
)

// TestSQLite_in_memory_works_in_a_bubble: simulations run the shipping store on fake time.
func TestSQLite_in_memory_works_in_a_bubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, store.Config{Path: ":memory:"})
		res, err := s.Do(t.Context(), outage(1))
		if err != nil {
			t.Fatal(err)
		}
		if at := res.State.Incident.OpenedAt; at.Year() != 2000 {
			t.Errorf("opened at %s, want the time of the bubble", at)
		}
		woken := make(chan struct{})
		changed := s.Changed()
		go func() {
			<-changed
			close(woken)
		}()
		<-time.After(time.Hour) // of the bubble
		if err := s.Note(t.Context(), pointsman.Event{Type: pointsman.EvServerState, Text: "stopped"}); err != nil {
			t.Fatal(err)
		}
		<-woken
		if _, err := s.State(t.Context(), "INC-1"); err != nil {
			t.Error(err)
		}
		wholeLog(t, s)
	})
}

func TestConfig_says_what_is_wrong(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]store.Config{
		`driver: "mysql" is neither sqlite nor postgres`:                          {Driver: "mysql"},
		`dsn: required with driver postgres; dsn_file names a file that holds it`: {Driver: "postgres"},
		`dsn_file: dsn is given as well; keep one of them`:                        {Driver: "postgres", DSN: "x", DSNFile: "y"},
		`path: required with driver sqlite`:                                       {},
		`dsn: needs driver: postgres`:                                             {Path: "x", DSN: "y"},
		`keep: 1h is shorter than 24h; 0s keeps everything`:                       {Path: "x", Keep: time.Hour},
	} {
		faults := cfg.Validate()
		if len(faults) != 1 || faults[0].Error() != want {
			t.Errorf("%+v: %v, want %s", cfg, faults, want)
		}
	}
}
