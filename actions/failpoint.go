//go:build !failpoints

package actions

// failpoint is a place where the end-to-end tests end the process by SIGKILL; see failpoint_kill.go. Here it is nothing.
func failpoint(_, _ string) {}
