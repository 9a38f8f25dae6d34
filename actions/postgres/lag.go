package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Lag is the kind postgres.lag: it helps standbys of a living primary to catch up. Its one effect is to resume replay
// where somebody paused it; then it waits until the lag is under the limit.
type Lag struct{ onCluster }

var (
	_ actions.Action    = Lag{}
	_ actions.Describer = Lag{}
)

// LagArgs are the arguments of postgres.lag.
type LagArgs struct {
	Cluster string `json:"cluster"`
	Node    string `json:"node,omitempty"`  // one standby; all of them by default
	Limit   string `json:"limit,omitempty"` // bytes not yet replayed, "16MiB" by default
	Within  string `json:"within,omitempty"`
}

// LagMemo is what Apply leaves.
type LagMemo struct {
	Resumed []string `json:"resumed,omitempty"`
}

// lagLimits are the limits of one step.
type lagLimits struct {
	bytes int64
	time  time.Duration
}

// The limits of a standby that counts as caught up.
const (
	defaultLagBytes = "16MiB"
	defaultLagTime  = "30s"
)

// Kind implements actions.Action.
func (Lag) Kind() string { return "postgres.lag" }

// Describe implements actions.Describer.
func (a Lag) Describe(in actions.Input) (string, error) {
	args, err := a.args(in)
	if err != nil {
		return "", err
	}
	who := "the standbys of " + args.Cluster
	if args.Node != "" {
		who = args.Node
	}
	return fmt.Sprintf("resume paused replay of %s and wait until the lag is under %s and %s", who, args.Limit, args.Within), nil
}

func (Lag) args(in actions.Input) (LagArgs, error) {
	args := LagArgs{Limit: defaultLagBytes, Within: defaultLagTime}
	if err := in.Args(&args); err != nil {
		return args, err
	}
	if err := actions.Required("cluster", args.Cluster, "limit", args.Limit, "within", args.Within); err != nil {
		return args, err
	}
	_, err := args.limits()
	return args, err
}

func (a LagArgs) limits() (lagLimits, error) {
	var l lagLimits
	if !actions.Reference(a.Limit) {
		var size Size
		if err := size.UnmarshalText([]byte(a.Limit)); err != nil {
			return l, fmt.Errorf("limit: %w", err)
		}
		l.bytes = int64(size)
	}
	if !actions.Reference(a.Within) {
		d, err := time.ParseDuration(a.Within)
		if err != nil || d <= 0 {
			return l, fmt.Errorf("within %q is no duration such as 30s", a.Within)
		}
		l.time = d
	}
	return l, nil
}

func (a Lag) resolve(in actions.Input) (LagArgs, Cluster, error) {
	args, err := a.args(in)
	if err != nil {
		return args, Cluster{}, err
	}
	cluster, err := a.c.find(in, args.Cluster)
	if err == nil && args.Node != "" {
		err = cluster.has(args.Node)
	}
	return args, cluster, err
}

// Check implements actions.Action.
func (a Lag) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	s, err := a.c.shared(ctx, cluster)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	ev := s.judgeLag(args)
	if ev.Holds {
		ev.Already, ev.AlreadyBy = true, "itself: the lag is under the limit"
	}
	return ev, nil
}

// Apply implements actions.Action.
func (a Lag) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	s, kept := a.c.look(ctx, cluster, cluster.nodeNames()...)
	defer func() {
		for _, conn := range kept {
			discard(conn)
		}
	}()
	if no := pointsman.Refusals(s.judgeLag(args).Facts); len(no) > 0 {
		return actions.Outcome{}, &actions.RefusedError{Facts: no}
	}
	var memo LagMemo
	for _, r := range s.in(Standby) {
		if !r.Paused || args.Node != "" && args.Node != r.Node {
			continue
		}
		_, err := kept[r.Node].Exec(ctx, "SELECT pg_wal_replay_resume()")
		if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "42501" && len(memo.Resumed) == 0 {
			return actions.Outcome{}, actions.Refuse("Pointsman's role may not resume replay on %s: GRANT EXECUTE ON FUNCTION pg_wal_replay_resume() to it", r.Node)
		} else if err != nil {
			return actions.Outcome{}, fmt.Errorf("resume replay on %s: %w", r.Node, scrubbed(err, nil))
		}
		memo.Resumed = append(memo.Resumed, r.Node)
	}
	raw, err := json.Marshal(memo)
	note := "no replay was paused; waiting for the standbys to catch up"
	if len(memo.Resumed) > 0 {
		note = "replay resumed on " + strings.Join(memo.Resumed, ", ")
	}
	return actions.Outcome{Memo: raw, Note: note}, err
}

// Verify implements actions.Action: the lag is under the limit.
func (a Lag) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	s, _ := a.c.look(ctx, cluster)
	return s.judgeLag(args), nil
}

// judgeLag is pure. Bytes come first: seconds since the last replayed commit grow on an idle cluster without any lag,
// so they only count while bytes are missing. Everything is asked of the right host: a primary has no replay.
func (s Situation) judgeLag(args LagArgs) pointsman.Evidence {
	limits, err := args.limits()
	if err != nil {
		return pointsman.Evidence{Facts: []pointsman.Fact{{Kind: pointsman.Hard, Name: "limit", Result: pointsman.Unknown, Text: err.Error()}}}
	}
	ev := pointsman.Evidence{Facts: []pointsman.Fact{s.writers(), s.identity(), s.livingPrimary()}}
	writers := s.in(Writable)
	if len(writers) != 1 {
		return ev
	}
	caughtUp, looked := true, 0
	for _, r := range s.Readings {
		if r.Node == writers[0].Node || args.Node != "" && r.Node != args.Node {
			continue
		}
		f, ok := s.behind(r, writers[0], limits)
		ev.Facts = append(ev.Facts, f)
		caughtUp = caughtUp && ok
		looked++
	}
	ev.Holds = caughtUp && looked > 0 && len(pointsman.Refusals(ev.Facts)) == 0
	return ev
}

// livingPrimary refuses the recovery of a standby while there is nothing to catch up with, so that the failover is
// offered first.
func (s Situation) livingPrimary() pointsman.Fact {
	f := pointsman.Fact{Guard: "G1", Kind: pointsman.Hard, Name: "living primary", Limit: "a node that takes writes", Source: "all nodes", At: s.At, Result: pointsman.Pass}
	if writers := s.in(Writable); len(writers) > 0 {
		return good(f, writers[0].Node)
	}
	f.Value, f.Result, f.Clears = "none", pointsman.Fail, "fail over first"
	f.Text = "no node takes writes, so a standby has nothing to catch up with"
	if old, _ := s.oldPrimary(Wish{}); old != "" {
		f.Text = fmt.Sprintf("the primary %s %s, so its standbys have nothing to catch up with", old, s.reading(old).State.Words())
	}
	return f
}

// behind measures one standby. It warns and does not refuse: catching up is what the runbook is for.
func (s Situation) behind(r, primary Reading, limits lagLimits) (pointsman.Fact, bool) {
	f := pointsman.Fact{
		Kind: pointsman.Warn, Name: "lag of " + r.Node, Limit: pointsman.Bytes(limits.bytes) + ", " + pointsman.Span(limits.time),
		Source: r.Node + " replay against " + primary.Node, At: r.At, Result: pointsman.Fail,
	}
	if r.State != Standby {
		f.Value, f.Result = "unknown", pointsman.Unknown
		f.Text = fmt.Sprintf("the lag of %s is unknown: it %s%s", r.Node, r.State.Words(), detail(r.Detail))
		f.Clears = "start " + r.Node
		return f, false
	}
	missing := primary.LSN.Beyond(r.Replay)
	var late time.Duration
	if missing > 0 && !r.ReplayedAt.IsZero() && r.ReplayedAt.Unix() > 0 {
		late = max(0, r.At.Sub(r.ReplayedAt))
	}
	measure := float64(missing)
	f.Measure = &measure
	f.Value = fmt.Sprintf("%s, %s", pointsman.Bytes(missing), pointsman.Span(late))
	why := s.why(r, primary)
	// A few bytes are always on the way: seconds count only above one step, or an idle standby looks late.
	ok := missing <= limits.bytes && (late <= limits.time || missing < byteStep) && !slices.Contains(why, stopped) && !slices.Contains(why, unseen) && !r.Paused
	if ok {
		f.Result = pointsman.Pass
		return f, true
	}
	f.Text = fmt.Sprintf("%s lags %s and %s, limit %s and %s", r.Node, pointsman.Bytes(missing), pointsman.Span(late), pointsman.Bytes(limits.bytes), pointsman.Span(limits.time))
	if len(why) > 0 {
		f.Text += ": " + strings.Join(why, ", ")
	}
	f.Clears = "replay reaches " + primary.Node
	return f, false
}

// What is said of the stream.
const (
	stopped = "it does not stream"
	unseen  = "whether it streams is not told (" + noStats + ")"
)

// why names the causes that can be seen from outside.
func (s Situation) why(r, primary Reading) []string {
	var why []string
	switch {
	case !r.Stats:
		why = append(why, unseen)
	case r.Receiver.Status != "streaming":
		why = append(why, stopped)
	}
	if r.Paused {
		why = append(why, "its replay is paused")
	}
	if waiting := r.Receive.Beyond(r.Replay); waiting > 0 && r.Receive >= primary.LSN {
		why = append(why, pointsman.Bytes(waiting)+" received and not replayed")
	}
	return why
}
