//go:build !failpoints

package pointsman

// Failpoint marks a place at which a test may end or stop the process; see failpoint_kill.go. In the program that
// people run it is nothing, not even a call.
func Failpoint(_ string, _ any) {}
