//go:build unix

package postgres

import (
	"os/exec"
	"syscall"
)

// ownGroup makes cancelling kill the command with all its children.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
