package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Pause is the kind pgbouncer.pause: it lets the clients of the poolers wait, once their transactions have ended.
type Pause struct{ onCluster }

// Resume is the kind pgbouncer.resume: it lets them go on.
type Resume struct{ onCluster }

var (
	_ actions.Action    = Pause{}
	_ actions.Describer = Pause{}
	_ actions.Undoer    = Pause{}
	_ actions.Action    = Resume{}
	_ actions.Describer = Resume{}
)

// PauseArgs are the arguments of pgbouncer.pause.
type PauseArgs struct {
	Cluster string `json:"cluster"`
	Pooler  string `json:"pooler,omitempty"` // one of them; all by default
	Wait    string `json:"wait,omitempty"`   // for open transactions, "2s" by default; then everything goes on
}

// ResumeArgs are the arguments of pgbouncer.resume.
type ResumeArgs struct {
	Cluster string `json:"cluster"`
	Pooler  string `json:"pooler,omitempty"`
}

// Kind implements actions.Action.
func (Pause) Kind() string { return "pgbouncer.pause" }

// Kind implements actions.Action.
func (Resume) Kind() string { return "pgbouncer.resume" }

func (Pause) args(in actions.Input) (PauseArgs, time.Duration, error) {
	args := PauseArgs{Wait: pauseWait.String()}
	if err := in.Args(&args); err != nil {
		return args, 0, err
	}
	if err := actions.Required("cluster", args.Cluster); err != nil || actions.Reference(args.Wait) {
		return args, 0, err
	}
	wait, err := time.ParseDuration(args.Wait)
	if err != nil || wait <= 0 {
		return args, 0, fmt.Errorf("wait %q is no duration such as 2s", args.Wait)
	}
	return args, wait, nil
}

func (Resume) args(in actions.Input) (ResumeArgs, error) {
	var args ResumeArgs
	if err := in.Args(&args); err != nil {
		return args, err
	}
	return args, actions.Required("cluster", args.Cluster)
}

// Describe implements actions.Describer.
func (a Pause) Describe(in actions.Input) (string, error) {
	args, wait, err := a.args(in)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("let the clients of %s wait in %s, if their transactions end within %s", args.Cluster, poolersOf(args.Pooler), wait), nil
}

// Describe implements actions.Describer.
func (a Resume) Describe(in actions.Input) (string, error) {
	args, err := a.args(in)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("let the clients of %s go on in %s", args.Cluster, poolersOf(args.Pooler)), nil
}

func poolersOf(name string) string {
	if name == "" {
		return "every pooler"
	}
	return "the pooler " + name
}

func (c *Clusters) poolersFor(in actions.Input, cluster, pooler string) (journey, error) {
	var j journey
	var err error
	if j.cluster, err = c.find(in, cluster); err != nil {
		return j, err
	}
	j.poolers, err = j.cluster.pooler(pooler)
	return j, err
}

// judgePaused is pure: whether every pooler is paused and has no transaction open, or is not paused. A pooler that cannot be asked is unknown.
func (j journey) judgePaused(views []poolerView, want bool) pointsman.Evidence {
	ev := pointsman.Evidence{Holds: len(views) > 0}
	if len(views) == 0 {
		ev.Facts = append(ev.Facts, pointsman.Fact{
			Guard: "G18", Kind: pointsman.Hard, Name: "poolers", Value: "none", Limit: "at least 1", Source: "configuration", At: time.Now(), Result: pointsman.Fail,
			Text: fmt.Sprintf("cluster %s has no pooler configured", j.cluster.Name), Clears: "set targets.postgres[].poolers",
		})
	}
	for _, v := range views {
		f := pointsman.Fact{Guard: "G18", Kind: pointsman.Hard, Name: "clients of " + v.pooler.Name, Value: v.running.words(), Source: v.pooler.Name + ": SHOW DATABASES", At: v.at, Result: pointsman.Pass}
		switch {
		case v.runErr != nil:
			f.Result, f.Value, ev.Holds = pointsman.Unknown, "unknown", false
			f.Text = fmt.Sprintf("the console of %s cannot be read: %v", v.pooler.Name, v.runErr)
			f.Clears = "start " + v.pooler.Name + ", or let its admin_users in"
		case v.running.Disabled:
			f.Result, f.Value, ev.Holds = pointsman.Fail, "disabled", false
			f.Text = fmt.Sprintf("%s of %s is disabled: clients cannot connect", v.pooler.entry(j.cluster), v.pooler.Name)
			f.Clears = "ENABLE it in the console"
		default:
			ev.Holds = ev.Holds && v.running.Paused == want && !v.running.Busy
		}
		ev.Facts = append(ev.Facts, f)
	}
	return ev
}

func (j journey) checkPaused(ctx context.Context, want bool) pointsman.Evidence {
	ev := j.judgePaused(j.look(ctx), want)
	if ev.Holds {
		ev.Already, ev.AlreadyBy = true, "somebody else"
	}
	return ev
}

// Check implements actions.Action.
func (a Pause) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, _, err := a.args(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	j, err := a.c.poolersFor(in, args.Cluster, args.Pooler)
	return j.checkPaused(ctx, true), err
}

// Check implements actions.Action.
func (a Resume) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, err := a.args(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	j, err := a.c.poolersFor(in, args.Cluster, args.Pooler)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	ev := j.checkPaused(ctx, false)
	if in.Promises("pgbouncer.pause") {
		ev.Already, ev.AlreadyBy = false, "" // they serve now, and will be paused by then
	}
	return ev, nil
}

// Apply implements actions.Action.
func (a Pause) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	args, wait, err := a.args(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	j, err := a.c.poolersFor(in, args.Cluster, args.Pooler)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	if no := pointsman.Refusals(j.judgePaused(j.look(ctx), true).Facts); len(no) > 0 {
		return actions.Outcome{}, &actions.RefusedError{Facts: no}
	}
	began := time.Now()
	if err := j.hold(ctx, wait); err != nil {
		return actions.Outcome{}, err
	}
	return actions.Outcome{Note: fmt.Sprintf("the clients of %s wait, after %s", j.names(), pointsman.Span(time.Since(began)))}, nil
}

// Apply implements actions.Action.
func (a Resume) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	args, err := a.args(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	j, err := a.c.poolersFor(in, args.Cluster, args.Pooler)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	if err := ctx.Err(); err != nil {
		return actions.Outcome{}, actions.Refuse("the step's time was over before it began")
	}
	return actions.Outcome{Note: "the clients of " + j.names() + " go on"}, j.release(ctx)
}

// Verify implements actions.Action.
func (a Pause) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, _, err := a.args(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	j, err := a.c.poolersFor(in, args.Cluster, args.Pooler)
	return j.judgePaused(j.look(ctx), true), err
}

// Verify implements actions.Action.
func (a Resume) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, err := a.args(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	j, err := a.c.poolersFor(in, args.Cluster, args.Pooler)
	return j.judgePaused(j.look(ctx), false), err
}

// Undo implements actions.Undoer: whatever became of the run, clients do not wait for it.
func (a Pause) Undo(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	args, _, err := a.args(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	j, err := a.c.poolersFor(in, args.Cluster, args.Pooler)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	return actions.Outcome{Memo: in.Memo, Note: "the clients of " + j.names() + " go on"}, j.release(ctx)
}

func (j journey) names() string {
	var out []string
	for _, p := range j.poolers {
		out = append(out, p.Name)
	}
	return strings.Join(out, ", ")
}
