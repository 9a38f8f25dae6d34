//go:build !linux

package store

import "time"

// suspended is not known here: what the machine slept is not counted.
func suspended() (time.Duration, bool) { return 0, false }
