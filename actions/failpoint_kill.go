//go:build failpoints

package actions

import "os"

// failpoint ends the process by SIGKILL, as a loss of power would, where the variable POINTSMAN_FAILPOINT names the kind
// and the place: "postgres.promote before-apply". It exists in builds with the tag failpoints only, which are for tests.
func failpoint(kind, place string) {
	if os.Getenv("POINTSMAN_FAILPOINT") != kind+" "+place {
		return
	}
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill() // there is nobody left to tell
	}
	select {} // the signal is on its way
}
