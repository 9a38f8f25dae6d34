package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Switchover is the kind postgres.switchover: planned, without a lost transaction, and without an error for clients
// that go through PgBouncer. Pausing, stopping, promoting, leading and resuming are one effect, because clients wait
// meanwhile: a run that stopped between two steps would keep them waiting for a person.
type Switchover struct{ onCluster }

var (
	_ actions.Action    = Switchover{}
	_ actions.Describer = Switchover{}
	_ actions.Undoer    = Switchover{}
)

// SwitchoverArgs are the arguments of postgres.switchover.
type SwitchoverArgs struct {
	Cluster   string `json:"cluster"`
	Candidate string `json:"candidate,omitempty"` // by default the check chooses
	Lag       string `json:"lag,omitempty"`       // of the candidate at the start, "1MiB" by default
	Wait      string `json:"wait,omitempty"`      // for open transactions, "2s" by default; older ones refuse
	Hold      string `json:"hold,omitempty"`      // clients never wait longer than this, "10s" by default
}

// SwitchoverMemo is stored before clients are paused, and again at the end.
type SwitchoverMemo struct {
	Old       string `json:"old"`
	Candidate string `json:"candidate"`
	SystemID  string `json:"system_id"`
	Timeline  int    `json:"timeline"`        // before the promotion
	Final     string `json:"final,omitempty"` // the old primary's shutdown checkpoint
	Fork      string `json:"fork,omitempty"`  // what the candidate had replayed then
	HeldMS    int64  `json:"held_ms,omitempty"`
}

// switchTimes are the parsed limits of one step.
type switchTimes struct {
	lag        int64
	wait, hold time.Duration
}

// Kind implements actions.Action.
func (Switchover) Kind() string { return "postgres.switchover" }

// Describe implements actions.Describer.
func (a Switchover) Describe(in actions.Input) (string, error) {
	args, _, err := a.args(in)
	if err != nil {
		return "", err
	}
	to := args.Candidate
	if to == "" {
		to = "its standby"
	}
	return fmt.Sprintf("switch %s over to %s; clients wait at most %s", args.Cluster, to, args.Hold), nil
}

func (Switchover) args(in actions.Input) (SwitchoverArgs, switchTimes, error) {
	args := SwitchoverArgs{Lag: "1MiB", Wait: pauseWait.String(), Hold: "10s"}
	var times switchTimes
	if err := in.Args(&args); err != nil {
		return args, times, err
	}
	if err := actions.Required("cluster", args.Cluster); err != nil {
		return args, times, err
	}
	var size Size
	if !actions.Reference(args.Lag) {
		if err := size.UnmarshalText([]byte(args.Lag)); err != nil {
			return args, times, fmt.Errorf("lag: %w", err)
		}
	}
	times.lag = int64(size)
	for _, v := range []struct {
		name, text string
		to         *time.Duration
	}{{"wait", args.Wait, &times.wait}, {"hold", args.Hold, &times.hold}} {
		if actions.Reference(v.text) {
			continue
		}
		d, err := time.ParseDuration(v.text)
		if err != nil || d <= 0 {
			return args, times, fmt.Errorf("%s %q is no duration such as 2s", v.name, v.text)
		}
		*v.to = d
	}
	if times.hold > 0 && times.hold <= times.wait {
		return args, times, fmt.Errorf("hold is %s, it must be more than wait, %s", args.Hold, args.Wait)
	}
	return args, times, nil
}

// asking is what a verb needs of a look.
type asking struct {
	hook  bool // whether the old primary's hook works, and what it says; each question starts it, on a machine that may be far away
	fresh bool // a look of its own, and the connection to the candidate
}

// switching reads everything that a switchover is judged by. The caller gets the connections named in keep.
func (a Switchover) switching(ctx context.Context, in actions.Input, ask asking) (switching, map[string]*pgx.Conn, error) {
	args, times, err := a.args(in)
	if err != nil {
		return switching{}, nil, err
	}
	cluster, err := a.c.find(in, args.Cluster)
	if err != nil {
		return switching{}, nil, err
	}
	if args.Candidate == "" {
		args.Candidate = in.Pins["candidate"]
	}
	if args.Candidate != "" {
		if err := cluster.has(args.Candidate); err != nil {
			return switching{}, nil, err
		}
	}
	w := switching{args: args, times: times, wished: in.Pins["old_primary"], ask: ask}
	var asked *inquiry
	if ask.hook {
		asked = cluster.inquire(ctx, a.c.samples.expected(cluster.Name, w.wished))
		defer asked.end()
	}
	var kept map[string]*pgx.Conn
	if ask.fresh {
		w.Situation, kept = a.c.look(ctx, cluster, args.Candidate)
	} else if w.Situation, err = a.c.shared(ctx, cluster); err != nil {
		return w, nil, err
	}
	return w.read(ctx, in.Pins, asked), kept, nil
}

// Check implements actions.Action.
func (a Switchover) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	w, _, err := a.switching(ctx, in, asking{hook: true})
	if err != nil {
		return pointsman.Evidence{}, err
	}
	return w.judge(), nil
}

// Verify implements actions.Action: the candidate is the primary on the next timeline, it had everything, every pooler
// leads there, and nobody waits. The hook has no part in that, and a poll comes every few milliseconds.
func (a Switchover) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	w, _, err := a.switching(ctx, in, asking{})
	if err != nil {
		return pointsman.Evidence{}, err
	}
	var memo SwitchoverMemo
	if len(in.Memo) > 0 {
		if err := json.Unmarshal(in.Memo, &memo); err != nil {
			return pointsman.Evidence{}, fmt.Errorf("memo of the switchover: %w", err)
		}
	}
	if w.candidate == "" {
		return pointsman.Evidence{}, fmt.Errorf("it cannot be told which node of %s was to be the primary", w.args.Cluster)
	}
	return w.judgeSwitched(memo), nil
}

// Undo implements actions.Undoer: clients go on, wherever their poolers lead. The roles are not swapped back: that
// would be another switchover, decided by people.
func (a Switchover) Undo(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	args, _, err := a.args(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	j, err := a.c.poolersFor(in, args.Cluster, "")
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	return actions.Outcome{Memo: in.Memo, Note: "the clients of " + j.names() + " go on"}, j.release(ctx)
}

func (m SwitchoverMemo) outcome(note string) (actions.Outcome, error) {
	raw, err := json.Marshal(m)
	return actions.Outcome{Memo: raw, Note: note}, err
}
