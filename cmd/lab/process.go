package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is one server with all its children. Its working directory is its own folder, by which its children are
// found: PostgreSQL's leave the process group of their parent.
type process struct {
	pid    int
	folder string
	log    string
	done   chan struct{} // closed once it has ended and was reaped
}

// launch starts argv in folder, as an unprivileged user when we are root, and appends its output to the log file.
func launch(folder, log string, argv ...string) (*process, error) {
	return launchOn(nil, folder, log, argv...)
}

// launchOn starts it on an island; nil is the mainland.
func launchOn(island *Island, folder, log string, argv ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close() //nolint:errcheck // only our copy; the server has its own
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, out, out
	cmd.Env = serverEnv(folder)
	cmd.SysProcAttr = diesWithUs()
	cmd.SysProcAttr.Credential = serverUser()

	p := &process{folder: folder, log: log, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel sends the death signal when the starting *thread* ends, so it must last as long as the server.
		// It is never unlocked, because it may stand on an island: the runtime ends it with this goroutine.
		runtime.LockOSThread()
		var err error
		if island != nil {
			err = island.space.enter()
		}
		if err == nil {
			err = cmd.Start()
		}
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(argv[0]), err)
	}
	return p, nil
}

// serverEnv leaves out everything that would steer a server from outside, PGPORT and PGDATA for example.
func serverEnv(folder string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "LC_ALL=C", "TZ=UTC"}
}

// serverUser is whom servers run as when we are root, which initdb and postgres refuse; nil means ourselves.
var serverUser = sync.OnceValue(func() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	account, err := user.Lookup("postgres")
	if err != nil {
		return nobody
	}
	uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
	if uidErr != nil || gidErr != nil {
		return nobody
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
})

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// ended describes a process that is gone though it should run, with the last lines that it wrote.
func (p *process) ended() error {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return fmt.Errorf("process %d ended, its log: %w", p.pid, err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("process %d ended: %s", p.pid, strings.Join(lines[max(0, len(lines)-5):], " | "))
}

// pids lists the process and all its children, the process first.
func (p *process) pids() []int {
	var all []int
	if p.running() {
		all = append(all, p.pid)
	}
	for _, pid := range pidsIn(p.folder, p.pid) {
		if pid != p.pid {
			all = append(all, pid)
		}
	}
	return all
}

// signalAll sends sig to the process and then to its children; one that has ended meanwhile is no error.
func (p *process) signalAll(sig syscall.Signal) error {
	var faults []error
	for _, pid := range p.pids() {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			faults = append(faults, fmt.Errorf("signal %v to process %d: %w", sig, pid, err))
		}
	}
	return errors.Join(faults...)
}

// kill ends everything by SIGKILL and returns when nothing is left.
func (p *process) kill() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return Await(ctx, func(context.Context) error {
		if left := p.pids(); len(left) > 0 {
			return errors.Join(p.signalAll(syscall.SIGKILL), fmt.Errorf("processes %v still run", left))
		}
		return nil
	})
}

// stop asks the process to end by sig and waits; when ctx ends first everything is killed.
func (p *process) stop(ctx context.Context, sig syscall.Signal) error {
	if p.running() {
		if err := syscall.Kill(p.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("signal %v to process %d: %w", sig, p.pid, err)
		}
	}
	select {
	case <-p.done:
		return p.kill() // a child that outlived its parent
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("process %d did not end by signal %v", p.pid, sig), ctx.Err(), p.kill())
	}
}
