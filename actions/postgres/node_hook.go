package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/service"
)

// NodeHook acts on a node's own machine, where Pointsman does not log in: argv without a shell, in which {node} is
// replaced by the node's name. The environment names the step and what it needs; exit code 0 means that it is done.
type NodeHook struct {
	Command []string      `yaml:"command"`
	Timeout time.Duration `yaml:"timeout"` // for one step, 10 min by default: pg_rewind copies what changed
}

// DefaultNodeTimeout bounds one step of the node hook.
const DefaultNodeTimeout = 10 * time.Minute

// The steps of the node hook, as POINTSMAN_STEP names them.
const (
	nodeInspect = "inspect" // reads only
	nodeStop    = "stop"    // an orderly shutdown, ended when the hook ends
	nodeKeep    = "keep"    // copies the WAL after the fork to a place of its own
	nodeRewind  = "rewind"  // pg_rewind; the server stays stopped
	nodeStart   = "start"   // as a standby of the primary
	nodeAgain   = "again"   // as the primary that it was, after a stop, where a switchover could not be made
)

// nodeTask is one step with the values that its environment carries. Everything in it comes from the configuration or
// was parsed; nothing is free text of an alert.
type nodeTask struct {
	step     string
	cluster  Cluster
	node     string
	primary  Reading  // whom the node is to follow; zero for stop
	settled  []string // for start: the other standbys that follow it
	fork     LSN
	last     LSN
	keepName string
	attempt  string   // for stop and again: which attempt stops the node, and may start it again
	clock    farClock // of the node's machine
}

func (t nodeTask) env() []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"),
		"POINTSMAN_STEP=" + t.step, "POINTSMAN_CLUSTER=" + t.cluster.Name, "POINTSMAN_NODE=" + t.node,
	}
	if t.primary.Node != "" {
		host, port, _ := net.SplitHostPort(t.primary.Addr) // empty where its DSN could not be read
		env = append(env, "POINTSMAN_PRIMARY_NODE="+t.primary.Node, "POINTSMAN_PRIMARY_HOST="+host, "POINTSMAN_PRIMARY_PORT="+port,
			"POINTSMAN_PRIMARY_TIMELINE="+strconv.Itoa(t.primary.Timeline), "POINTSMAN_SYSTEM_ID="+t.primary.SystemID)
	}
	if len(t.settled) > 0 {
		env = append(env, "POINTSMAN_SETTLED="+strings.Join(t.settled, " "))
	}
	if t.fork != 0 {
		env = append(env, "POINTSMAN_FORK_LSN="+t.fork.String(), "POINTSMAN_LAST_LSN="+t.last.String(), "POINTSMAN_KEEP="+t.keepName)
	}
	if t.attempt != "" {
		env = append(env, "POINTSMAN_ATTEMPT="+t.attempt)
	}
	return env
}

// run does one step and returns the name=value lines that the hook wrote. It dies with us, like every hook; only a rewind goes
// on, because half of one leaves no data folder.
func (t nodeTask) run(ctx context.Context) (map[string]string, error) {
	hook := t.cluster.NodeHook
	if len(hook.Command) == 0 {
		return nil, errors.New("no node_hook is configured")
	}
	ctx, cancel := context.WithTimeout(ctx, hook.Timeout)
	defer cancel()
	argv := make([]string, len(hook.Command))
	for i, arg := range hook.Command {
		argv[i] = strings.ReplaceAll(arg, "{node}", t.node)
	}
	out, said := &capped{left: hookOutput}, &capped{left: hookOutput}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(t.env(), t.within(ctx)...)
	cmd.Stdout, cmd.Stderr = out, said
	cmd.WaitDelay = time.Second // a server that the hook started may keep the pipes open
	err := service.Run(ctx, cmd, t.step == nodeRewind)
	switch exit, exited := errors.AsType[*exec.ExitError](err); {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return values(out.buf.String()), nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("the hook's step %s for %s did not end in time and was killed: %w", t.step, t.node, context.Cause(ctx))
	case exited:
		return nil, fmt.Errorf("the hook's step %s for %s failed with exit code %d%s", t.step, t.node, exit.ExitCode(), detail(said.lastLine()))
	}
	return nil, fmt.Errorf("the hook's step %s for %s did not start: %w", t.step, t.node, err)
}

// values reads name=value lines and passes over everything else.
func values(text string) map[string]string {
	out := map[string]string{}
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), "="); ok {
			out[strings.TrimSpace(name)] = strings.TrimSpace(strings.ToValidUTF8(value, ""))
		}
	}
	return out
}

// Inspection is what the node hook found in a node's data folder.
type Inspection struct {
	Contract   int    // that the hook keeps; see hookContract
	State      string // as pg_controldata says it: "shut down", "in production" ...
	Running    bool
	SystemID   string
	Timeline   int
	History    string // "same" as the primary's up to its own timeline, or "other"; "" where the hook does not know
	Checkpoint LSN    // begin of the latest checkpoint's record
	Fork       LSN    // where the primary's history leaves the node's timeline; 0 when it is not known, or they are on one
	Last       LSN    // the end of its WAL, where the server is stopped
	Commits    int    // transactions committed after the fork
	Counted    bool   // the hook says Commits; without it the number is unknown
	Rewindable bool
	Broken     string // why its data folder cannot be used any more
	Busy       string // what is at work on it now

	clock farClock
}

// inspect asks the hook. What it leaves out stays zero, and the judge takes that as unknown.
func (c Cluster) inspect(ctx context.Context, node string, primary Reading) (Inspection, error) {
	asked := time.Now()
	got, err := nodeTask{step: nodeInspect, cluster: c, node: node, primary: primary}.run(ctx)
	if err != nil {
		return Inspection{}, err
	}
	in := Inspection{State: got["state"], SystemID: got["system_identifier"], Running: got["running"] != "no", Rewindable: got["rewindable"] == "yes", Broken: got["broken"], Busy: got["busy"], History: got["history"]}
	var faults [7]error
	in.clock, faults[5] = clockOf(got["clock"], asked, time.Now())
	if n := got["contract"]; n != "" {
		in.Contract, faults[6] = strconv.Atoi(n)
	}
	in.Timeline, faults[0] = strconv.Atoi(got["timeline"])
	in.Checkpoint, faults[1] = ParseLSN(got["checkpoint_lsn"])
	in.Fork, faults[2] = ParseLSN(got["fork_lsn"])
	in.Last, faults[3] = ParseLSN(got["last_lsn"])
	if n := got["lost_commits"]; n != "" {
		in.Commits, faults[4] = strconv.Atoi(n)
		in.Counted = faults[4] == nil
	}
	if err := errors.Join(faults[:]...); err != nil {
		return Inspection{}, fmt.Errorf("what the hook found of %s cannot be read: %w", node, err)
	}
	return in, nil
}

// recovering reports whether the data folder is a standby's by its own control file.
func (in Inspection) recovering() bool {
	return in.State == "in archive recovery" || in.State == "shut down in recovery"
}

// diverged is how many bytes of WAL the node has that its primary never had; none where there is no fork. A fork that is
// not known on an older timeline is refused by divergence.
func (in Inspection) diverged() int64 {
	if in.Fork == 0 {
		return 0
	}
	return in.Last.Beyond(in.Fork)
}

// commits is the number of lost transactions in words. A number that nobody counted is never told as none.
func commits(n int, counted bool, noun string) string {
	if !counted {
		return "an unknown number of " + noun + "s"
	}
	return pointsman.Count(n, noun)
}
