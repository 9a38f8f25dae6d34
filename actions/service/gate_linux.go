package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pointsman/pointsman/actions"
)

// The gate is our own program, started under another name in the place of a command. It waits there until it is let through
// and then becomes the command, in the same process. A process that stands still (SIGSTOP, a debugger) between its last look at
// the clock and the start of a command would start it when it wakes up; the gate has a clock of its own, and looks last.
const (
	gateName = "pointsman-gate"
	// hasGate is the one program that calls Gate first of all; a test's program would run its tests instead.
	hasGate = "github.com/pointsman/pointsman/cmd/pointsman"
	// ourselves is the program that runs, whatever stands at its path after an upgrade.
	ourselves = "/proc/self/exe"
)

// Where the gate finds its ends of the two pipes: exec.Cmd puts the first of its ExtraFiles at 3.
const (
	gateLet  = 3 // what lets it through: until when, in nanoseconds of the clock that counts since the boot
	gateTold = 4 // why it did not become the command; closed and empty when it did
)

// Gate becomes the command that it was started for, and does not return then. In any other process it does nothing. The
// program's main calls it first of all.
func Gate() {
	if len(os.Args) < 3 || os.Args[0] != gateName {
		return
	}
	let, told := os.NewFile(gateLet, "let"), os.NewFile(gateTold, "told")
	syscall.CloseOnExec(gateLet)
	syscall.CloseOnExec(gateTold)
	if err := pass(let); err != nil {
		fmt.Fprint(told, err.Error())
	}
	os.Exit(1)
}

// pass waits until it is let through, and becomes the command if that is in time.
func pass(let io.Reader) error {
	word, err := io.ReadAll(io.LimitReader(let, 32))
	if err != nil {
		return err
	}
	until, err := strconv.ParseInt(string(word), 10, 64)
	if err != nil { // also nothing: who started it changed its mind, or is no more
		return errors.New("it was not let through")
	}
	// A thread of its own: the signal of a dying parent belongs to the thread that asks for it.
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	if now, err := sinceBoot(); err != nil || now >= until {
		return errors.Join(err, actions.ErrLate)
	}
	return syscall.Exec(os.Args[1], os.Args[2:], os.Environ()) //nolint:gosec // that is what it is for
}

func sinceBoot() (int64, error) {
	var ts unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return ts.Nano(), err
}

// gate is our side of it.
type gate struct {
	let, told *os.File
	theirs    []*os.File
}

// behind puts the command behind a gate; nil where our program has none, or cannot be started again because nobody has
// mounted /proc.
func behind(cmd *exec.Cmd) (*gate, error) {
	if info, ok := debug.ReadBuildInfo(); !ok || info.Path != hasGate {
		return nil, nil
	}
	if _, err := os.Stat(ourselves); err != nil {
		return nil, nil
	}
	letIn, let, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	told, toldIn, err := os.Pipe()
	if err != nil {
		letIn.Close()
		let.Close()
		return nil, err
	}
	cmd.Args = append([]string{gateName, cmd.Path}, cmd.Args...)
	cmd.Path, cmd.ExtraFiles = ourselves, []*os.File{letIn, toldIn}
	return &gate{let, told, cmd.ExtraFiles}, nil
}

func (g *gate) close() {
	for _, f := range append(g.theirs, g.let, g.told) {
		f.Close() // again is no harm
	}
}

// open lets the command through, if it is in time, and returns when it is under way. An error says that it never will be.
func (g *gate) open(ctx context.Context) error {
	for _, f := range g.theirs { // or what the gate tells would never be at its end
		f.Close()
	}
	until := int64(math.MaxInt64)
	if deadline, ok := ctx.Deadline(); ok {
		now, err := sinceBoot()
		if err != nil {
			return err
		}
		until = now + int64(time.Until(deadline))
	}
	if err := actions.InTime(ctx); err != nil {
		return err
	}
	if _, err := fmt.Fprint(g.let, until); err != nil {
		return err
	}
	g.let.Close()
	why, err := io.ReadAll(io.LimitReader(g.told, 1<<10))
	if err != nil || len(why) == 0 {
		return nil // it was there to be let through, so it may be under way
	}
	if string(why) == actions.ErrLate.Error() {
		return actions.ErrLate
	}
	return errors.New(string(why))
}
