//go:build race

package sim

// The sizes under the race detector.
const (
	usualSchedules = 100
	usualOnSQLite  = 30
	usualRepeats   = 10
	usualDays      = 1
	usualRaces     = 50
	usualRestarts  = 1
	leastRestarts  = 10
)
