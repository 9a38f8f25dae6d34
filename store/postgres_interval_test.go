package store

import (
	"testing"
	"time"
)

// A statement_timeout in a unit of PostgreSQL's that Go does not have is no reason to wait for a hung server for ever.
func TestIntervalReadsWhatPostgreSQLDoes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0": 0, "2500": 2500 * time.Millisecond, "10s": 10 * time.Second, "10 s": 10 * time.Second, "1.5s": 1500 * time.Millisecond, "1min": time.Minute, "2h": 2 * time.Hour,
		"1d": 24 * time.Hour, "700us": 700 * time.Microsecond,
	} {
		if got, err := interval(text); err != nil || got != want {
			t.Errorf("%q is %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "soon", "5 weeks", "1m30s"} {
		if got, err := interval(text); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}
