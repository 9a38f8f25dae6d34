package store

import (
	"time"

	"golang.org/x/sys/unix"
)

// suspended is how long the machine was suspended since it was started: an approval must not last longer because a laptop
// was shut or a virtual machine was put to sleep. The bool is false where it cannot be told.
func suspended() (time.Duration, bool) {
	for range 10 {
		var before, boot, after unix.Timespec
		if unix.ClockGettime(unix.CLOCK_MONOTONIC, &before) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil ||
			unix.ClockGettime(unix.CLOCK_MONOTONIC, &after) != nil {
			return 0, false
		}
		if after.Nano()-before.Nano() < int64(time.Millisecond) { // else this thread stood still between the readings
			return time.Duration(boot.Nano() - before.Nano()), true
		}
	}
	return 0, false
}
