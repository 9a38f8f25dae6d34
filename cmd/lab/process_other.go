//go:build !linux

package lab

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// diesWithUs can only part the groups: other systems have no signal for the death of a parent.
func diesWithUs() *syscall.SysProcAttr { return ownGroup() }

// pidsIn lists the process and its direct children, which is all that PostgreSQL and Alertmanager have.
func pidsIn(_ string, parent int) []int {
	out, err := exec.Command("pgrep", "-P", strconv.Itoa(parent)).Output()
	if err != nil {
		return nil
	}
	var pids []int
	for _, field := range strings.Fields(string(out)) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func reserved(int) bool { return true } // other systems have no names without files

func memoryFolder() (string, bool) { return "", false }

func mountMemory(string, int64) error { return errors.New("a small disk needs Linux") }

func unmount(string) error { return nil }

func removeSharedMemory(int) {}
