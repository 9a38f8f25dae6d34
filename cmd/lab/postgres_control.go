package lab

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

func (s *Postgres) process() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run
}

// Pids lists the postmaster and all its children; none when it does not run.
func (s *Postgres) Pids() []int {
	if run := s.process(); run != nil {
		return run.pids()
	}
	return nil
}

// Running tells whether the postmaster exists; a frozen one does.
func (s *Postgres) Running() bool {
	run := s.process()
	return run != nil && run.running()
}

// Kill ends the postmaster and all its children by SIGKILL, as a loss of power would, and returns when none is left.
func (s *Postgres) Kill() error {
	if run := s.process(); run != nil {
		return run.kill()
	}
	return nil
}

// Stop shuts the server down in order. When ctx ends before it has, it is killed and the error says so.
func (s *Postgres) Stop(ctx context.Context, mode StopMode) error {
	if run := s.process(); run != nil {
		return run.stop(ctx, syscall.Signal(mode))
	}
	return nil
}

// Freeze stops all processes of the server by SIGSTOP: it accepts connections, for the kernel does, and never answers.
func (s *Postgres) Freeze() error { return s.signalAll(syscall.SIGSTOP) }

// Thaw continues a frozen server where it was.
func (s *Postgres) Thaw() error { return s.signalAll(syscall.SIGCONT) }

func (s *Postgres) signalAll(sig syscall.Signal) error {
	if run := s.process(); run != nil {
		return run.signalAll(sig)
	}
	return nil
}

// Close stops the server, at once if it must, and removes its data. It may be called twice.
func (s *Postgres) Close() error {
	// Not the caller's context: a test's is cancelled before its cleanup runs.
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	err := errors.Join(s.Thaw(), s.Stop(ctx, Immediate))
	if id, ok := s.sharedMemory(); ok {
		removeSharedMemory(id)
	}
	err = errors.Join(err, unmount(filepath.Join(s.DataDir(), "pg_wal")), unmount(s.DataDir()))
	return errors.Join(err, s.dir.Close())
}

// sharedMemory reads the segment's id from postmaster.pid, which only a killed server leaves behind: its seventh line
// holds "key id".
func (s *Postgres) sharedMemory() (int, bool) {
	text, err := os.ReadFile(filepath.Join(s.DataDir(), "postmaster.pid"))
	if err != nil {
		return 0, false
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 7 {
		return 0, false
	}
	fields := strings.Fields(lines[6])
	if len(fields) != 2 {
		return 0, false
	}
	id, err := strconv.Atoi(fields[1])
	return id, err == nil
}
