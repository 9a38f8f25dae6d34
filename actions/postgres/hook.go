package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/service"
)

// hookOutput is how much of a hook's output is kept, hookShown how much of its last line is told.
const (
	hookOutput = 4 << 10
	hookShown  = 200
)

// hook is a configured program that acts on a node, such as the stop hook.
type hook struct {
	name    string // "stop hook"
	command []string
	timeout time.Duration
}

// run starts the hook for a node and waits for it. There is no shell, the environment holds nothing of ours but
// PATH and HOME, and at the deadline the hook's whole process group is killed. The hook itself dies with us.
func (h hook) run(ctx context.Context, node string) error {
	if err := actions.InTime(ctx); err != nil {
		return fmt.Errorf("the %s for %s was not started: %w", h.name, node, err)
	}
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	argv := make([]string, len(h.command))
	for i, arg := range h.command {
		argv[i] = strings.ReplaceAll(arg, "{node}", node)
	}
	out := &capped{left: hookOutput}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = time.Second // a child that kept the pipe open must not hold us
	err := service.Run(ctx, cmd, false)
	switch exit, exited := errors.AsType[*exec.ExitError](err); {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("the %s for %s was killed in the middle of its work, because the step was broken off", h.name, node)
	case ctx.Err() != nil:
		return fmt.Errorf("the %s for %s did not end within %s and was killed", h.name, node, h.timeout)
	case exited:
		return fmt.Errorf("the %s for %s failed with exit code %d%s", h.name, node, exit.ExitCode(), detail(out.lastLine()))
	}
	return fmt.Errorf("the %s for %s did not start: %w", h.name, node, err)
}

// capped keeps the beginning of what is written and drops the rest.
type capped struct {
	buf  bytes.Buffer
	left int
}

func (c *capped) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	c.left -= n
	c.buf.Write(p[:n])
	return len(p), nil
}

func (c *capped) lastLine() string {
	text := strings.TrimSpace(strings.ToValidUTF8(c.buf.String(), ""))
	text = text[strings.LastIndexByte(text, '\n')+1:]
	if len(text) > hookShown {
		text = strings.ToValidUTF8(text[:hookShown], "") + " ..."
	}
	return text
}

// placeholder is what looks as if something were to take its place.
var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

// misnamed finds what takes the place of nothing in a command that never names the node: a hook with a slip of the pen
// would be found out at night.
func misnamed(argv []string) string {
	all := strings.Join(argv, " ")
	if strings.Contains(all, "{node}") {
		return ""
	}
	return placeholder.FindString(all)
}
