//go:build unix

package store

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lockFile takes the lock that keeps a second process away from a SQLite database. The kernel frees it when the
// process ends, however it ends, so a lock that is held means a process that lives.
func lockFile(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := insist(func() error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }); err != nil {
		holder := make([]byte, 32)
		n, _ := f.ReadAt(holder, 0)
		err = errors.Join(inUse(path, strings.TrimSpace(string(holder[:n])), err), f.Close())
		return nil, err
	}
	pid := strconv.Itoa(os.Getpid()) + "\n"
	_, err = f.WriteAt([]byte(pid), 0)
	if err = errors.Join(err, f.Truncate(int64(len(pid)))); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

// lockPatience is for the child that a process was just starting when it was killed: until it executes its program it
// has its parent's lock. A restart must not fail because of it.
const lockPatience = 2 * time.Second

func insist(lock func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(lockPatience); ; <-tick.C {
		err := lock()
		if err == nil || !errors.Is(err, syscall.EWOULDBLOCK) || !time.Now().Before(end) {
			return err
		}
	}
}

func inUse(path, holder string, err error) error {
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	if holder == "" {
		holder = "unknown"
	}
	return fmt.Errorf("%s is in use by process %s: one pointsman at a time may open it; stop that one, talk to it with the command line, or keep the state in PostgreSQL", path, holder)
}
