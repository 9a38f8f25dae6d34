package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// ownGroup keeps the terminal's Ctrl-C from the process: whoever started it stops it in order.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// diesWithUs has the kernel kill the process when the thread that started it ends.
func diesWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// pidsIn lists the processes whose working directory is folder or below it; those that have ended but were not reaped
// have none any more.
func pidsIn(folder string, _ int) []int {
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		return nil
	}
	var pids []int
	for _, link := range links {
		cwd, err := os.Readlink(link)
		if err != nil || (cwd != folder && !strings.HasPrefix(cwd, folder+"/")) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// reserved keeps the port for this process, among all that ask here, until it ends. A name without a file is left by nobody.
func reserved(port int) bool {
	l, err := net.Listen("unix", fmt.Sprintf("@pointsman-port-%d", port))
	if err == nil {
		reservations.Store(port, l) // what nobody refers to is closed
	}
	return err == nil
}

var reservations sync.Map

// memoryFolder is a file system in memory, if it has room for several servers: containers often allow 64 MB.
func memoryFolder() (string, bool) {
	const folder, enough = "/dev/shm", 2 << 30
	var stat syscall.Statfs_t
	if err := syscall.Statfs(folder, &stat); err != nil {
		return "", false
	}
	return folder, stat.Bavail*uint64(stat.Bsize) >= enough
}

// mountMemory mounts an empty file system in memory of so many bytes.
func mountMemory(path string, size int64) error {
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		return fmt.Errorf("mount a small disk on %s: %w; it needs root, and a container needs CAP_SYS_ADMIN", path, err)
	}
	return nil
}

// unmount takes away what is mounted there; nothing is fine.
func unmount(path string) error {
	err := syscall.Unmount(path, syscall.MNT_DETACH)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EPERM) {
		return nil // no mount point, or nobody who could have made one
	}
	return err
}

// removeSharedMemory frees the small System V segment that a killed postmaster leaves behind: the kernel keeps it, and
// allows 4096 of them on the whole machine. A segment that is gone already is fine.
func removeSharedMemory(id int) {
	const ipcRemove = 0
	_, _, _ = syscall.Syscall(syscall.SYS_SHMCTL, uintptr(id), ipcRemove, 0)
}
