package sim

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain trades memory, of which a schedule needs little, for time.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}
