//go:build !race

package sim

// The usual sizes. The race detector makes a schedule twenty times slower and sees nothing in it that it would not see
// in a few, so make test runs this package without it as well.
const (
	usualSchedules = 20_000
	usualOnSQLite  = 5_000
	usualRepeats   = 200
	usualDays      = 10
	usualRaces     = 1_000
	usualRestarts  = 12 // rounds, each of which ends the process at every point
	leastRestarts  = 200
)
