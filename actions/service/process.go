package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// mercy is how long a process has between being asked to end and being killed.
const mercy = time.Second

// process is one execution of a program without a shell.
type process struct {
	path string
	argv []string
	env  []string
}

// ended is how it ended.
type ended struct {
	exit   int // -1 if a signal ended it
	killed bool
	output string
}

// run starts the process in a group of its own and waits for its end. When the context ends, the group is asked to
// end, and a second later it is killed, grandchildren too. The error says that it was never started.
func (p process) run(ctx context.Context) (ended, error) {
	// The kernel sends the signal of a dying parent when the thread ends that started the child; so this thread must
	// not end before the child does.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var out lastOutput
	cmd := exec.CommandContext(ctx, p.path)
	cmd.Args, cmd.Env, cmd.Dir = p.argv, p.env, "/"
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return signalGroup(cmd.Process.Pid, false) }
	// Also the time after which a grandchild that keeps the output open is not waited for any more: a service that was
	// started in the background is no failure.
	cmd.WaitDelay = mercy
	if err := start(ctx, cmd); err != nil {
		return ended{}, err
	}
	pointsman.Failpoint("exec.started", "")
	err := cmd.Wait()
	pointsman.Failpoint("exec.ended", "")
	end := ended{exit: cmd.ProcessState.ExitCode(), output: out.String()}
	if ctx.Err() != nil && (err != nil || !cmd.ProcessState.Success()) {
		end.killed = true
		// ESRCH: nobody of the group is left, which is what is wanted.
		if err := signalGroup(cmd.Process.Pid, true); err != nil && !errors.Is(err, os.ErrProcessDone) {
			end.output += " (its children could not be killed: " + err.Error() + ")"
		}
	}
	return end, nil
}

// signalGroup asks the group to end, or kills it.
func signalGroup(pid int, kill bool) error {
	sig := syscall.SIGTERM
	if kill {
		sig = syscall.SIGKILL
	}
	if err := syscall.Kill(-pid, sig); errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	} else if err != nil {
		return err
	}
	return nil
}

// start starts the command if its time is not over. An error says that it does not run.
func start(ctx context.Context, cmd *exec.Cmd) error {
	g, err := behind(cmd)
	if err != nil {
		return err
	}
	err = startInTime(ctx, cmd)
	if g == nil {
		return err
	}
	defer g.close()
	if err != nil {
		return err
	}
	if err := g.open(ctx); err != nil {
		g.close() // it waits for a word, and ends where none can come any more
		_ = cmd.Wait()
		return err
	}
	return nil
}

// Run starts a command, made with the context, in a group of its own if its time is not over, and waits for its end as
// its own Run does. When the context ends the whole group is killed. It dies with us as process does, unless lasting: what
// would leave a ruin if it were cut off goes on to its end. The error says which it was, as that of cmd.Run.
func Run(ctx context.Context, cmd *exec.Cmd, lasting bool) error {
	runtime.LockOSThread() // see process.run
	defer runtime.UnlockOSThread()
	cmd.Cancel = func() error { return signalGroup(cmd.Process.Pid, true) }
	cmd.SysProcAttr = ownGroup()
	begin := start
	if lasting { // the gate ties it to us as well
		cmd.SysProcAttr, begin = &syscall.SysProcAttr{Setpgid: true}, startInTime
	}
	if err := begin(ctx, cmd); err != nil {
		return err
	}
	return cmd.Wait()
}

func startInTime(ctx context.Context, cmd *exec.Cmd) error {
	if err := actions.InTime(ctx); err != nil {
		return err
	}
	return cmd.Start()
}

// Exec runs a program without a shell until it ends or the context does, then with its children, and returns the end of
// what it said without secrets. It gets PATH and HOME of our environment and nothing else. An exit code other than 0 is
// an error.
func Exec(ctx context.Context, argv []string) (string, error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return "", fmt.Errorf("the program %s cannot be run on this host", argv[0])
	}
	env, _ := environment([]string{"PATH", "HOME"})
	end, err := process{path: path, argv: argv, env: env}.run(ctx)
	said := tail(end.output, nil)
	switch {
	case err != nil:
		return said, fmt.Errorf("%s was not started: %w", argv[0], err)
	case end.killed:
		return said, fmt.Errorf("%s was killed with its children because its time was over", argv[0])
	case end.exit != 0:
		return said, fmt.Errorf("%s ended with exit code %d%s", argv[0], end.exit, memo{Tail: said}.said())
	}
	return said, nil
}
