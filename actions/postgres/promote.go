package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Promote is the kind postgres.promote: it makes one standby the primary.
type Promote struct{ onCluster }

var (
	_ actions.Action    = Promote{}
	_ actions.Describer = Promote{}
)

// PromoteArgs are the arguments of postgres.promote.
type PromoteArgs struct {
	Cluster   string `json:"cluster"`
	Candidate string `json:"candidate"`
}

// PromoteMemo is what Apply leaves for Verify.
type PromoteMemo struct {
	Candidate string `json:"candidate"`
	SystemID  string `json:"system_id"`
	Timeline  int    `json:"timeline"` // of the candidate before the promotion
	Fork      string `json:"fork"`     // the new timeline begins at or before this LSN
	Already   bool   `json:"already,omitempty"`
	Nudges    int    `json:"nudges,omitempty"`
}

// The fast path, measured: the promotion takes about 30 ms, and pg_promote(true) would poll only every 100 ms.
const (
	promotePoll = 2 * time.Millisecond
	// nudgeEvery: a startup process that has consumed the wake-up sleeps out wal_retrieve_retry_interval, 5 s by
	// default, in one promotion of six right after the primary's death. A reload wakes it.
	nudgeEvery = 100 * time.Millisecond
)

// Kind implements actions.Action.
func (Promote) Kind() string { return "postgres.promote" }

// Describe implements actions.Describer.
func (a Promote) Describe(in actions.Input) (string, error) {
	args, err := a.args(in)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("promote %s to primary of %s", args.Candidate, args.Cluster), nil
}

func (Promote) args(in actions.Input) (PromoteArgs, error) {
	var args PromoteArgs
	if err := in.Args(&args); err != nil {
		return args, err
	}
	return args, actions.Required("cluster", args.Cluster, "candidate", args.Candidate)
}

func (a Promote) resolve(in actions.Input) (PromoteArgs, Cluster, error) {
	args, err := a.args(in)
	if err != nil {
		return args, Cluster{}, err
	}
	cluster, err := a.c.having(in, args.Cluster, args.Candidate)
	return args, cluster, err
}

// Check implements actions.Action.
func (a Promote) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	s, err := a.c.shared(ctx, cluster)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	ev := s.Judge(wish(in, args.Candidate))
	ev.Pins = nil // the choice is made by postgres.check; here it is only confirmed
	return ev, nil
}

// Apply implements actions.Action. All guards are judged once more on fresh readings; the promotion then goes over the
// connection that read the candidate.
func (a Promote) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	s, kept := a.c.look(ctx, cluster, args.Candidate)
	conn := kept[args.Candidate]
	defer a.c.lines.keep(conn)
	r := s.reading(args.Candidate)
	memo := PromoteMemo{Candidate: args.Candidate, SystemID: r.SystemID, Timeline: r.Timeline, Fork: r.Receive.String()}
	ev := s.Judge(wish(in, args.Candidate))
	if no := pointsman.Refusals(ev.Facts); len(no) > 0 {
		return actions.Outcome{}, &actions.RefusedError{Facts: no}
	}
	if ev.Already {
		memo.Already = true
		return memo.outcome(args.Candidate + " was promoted by " + ev.AlreadyBy)
	}
	if conn == nil || r.State != Standby {
		return actions.Outcome{}, actions.Refuse("%s %s, it must be a standby to be promoted", args.Candidate, r.State.Words())
	}
	began := time.Now()
	memo.Nudges, err = promote(ctx, conn, in.Log)
	out, merr := memo.outcome(fmt.Sprintf("%s left recovery after %s", args.Candidate, pointsman.Span(time.Since(began))))
	if err != nil {
		out.Note = ""
		return out, fmt.Errorf("promote %s: %w", args.Candidate, err)
	}
	return out, merr
}

// promote asks for the promotion and returns when the server has left recovery, with the number of nudges. Every
// error but a NotSentError means that it may happen yet.
func promote(ctx context.Context, conn *pgx.Conn, log *slog.Logger) (nudges int, err error) {
	return promoteNudging(ctx, conn, log, nudgeEvery)
}

func promoteNudging(ctx context.Context, conn *pgx.Conn, log *slog.Logger, every time.Duration) (nudges int, err error) {
	if err := actions.InTime(ctx); err != nil {
		return 0, actions.NotSent(err)
	}
	var asked bool
	if err := conn.QueryRow(ctx, "SELECT pg_promote(false)").Scan(&asked); pgconn.SafeToRetry(err) {
		return 0, actions.NotSent(scrubbed(err, nil)) // the connection had ended before a byte of it was written
	} else if err != nil {
		return 0, scrubbed(err, nil)
	}
	if !asked {
		return 0, errors.New("pg_promote answered false")
	}
	poll, nudge := time.NewTicker(promotePoll), time.NewTicker(every)
	defer poll.Stop()
	defer nudge.Stop()
	for {
		var recovery bool
		if err := conn.QueryRow(ctx, "SELECT pg_is_in_recovery()").Scan(&recovery); err != nil {
			return nudges, scrubbed(err, nil)
		}
		if !recovery {
			return nudges, nil
		}
		select {
		case <-ctx.Done():
			return nudges, fmt.Errorf("it was asked for and is still in recovery: %w", context.Cause(ctx))
		case <-nudge.C:
			nudges++
			// Without the right to reload, the promotion still happens, up to five seconds later.
			if _, err := conn.Exec(ctx, "SELECT pg_reload_conf()"); err != nil && log != nil {
				log.Warn("standby not nudged", "err", scrubbed(err, nil))
			}
		case <-poll.C:
		}
	}
}

func (m PromoteMemo) outcome(note string) (actions.Outcome, error) {
	raw, err := json.Marshal(m)
	return actions.Outcome{Memo: raw, Note: note}, err
}

// Verify implements actions.Action: the candidate is out of recovery, it is the same cluster, and its timeline is the
// next one. Only the candidate is asked, so that a hung old primary cannot hold up the answer.
func (a Promote) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	var memo PromoteMemo
	if len(in.Memo) > 0 {
		if err := json.Unmarshal(in.Memo, &memo); err != nil {
			return pointsman.Evidence{}, fmt.Errorf("memo of the promotion: %w", err)
		}
	}
	r := a.c.readNode(ctx, cluster, args.Candidate)
	if r.State != Writable && r.State != Standby {
		return pointsman.Evidence{}, fmt.Errorf("%s does not tell its role: it %s%s", args.Candidate, r.State.Words(), detail(r.Detail))
	}
	return judgePromoted(r, memo), nil
}

// judgePromoted is pure. Without a memo (the process died in between) the old timeline is not known, and only the role
// can be told.
func judgePromoted(r Reading, memo PromoteMemo) pointsman.Evidence {
	fact := func(name string, kind pointsman.GuardKind, ok bool, value, limit, text string) pointsman.Fact {
		f := pointsman.Fact{Guard: "G27", Kind: kind, Name: name, Value: value, Limit: limit, Source: r.Node, At: r.At, Result: pointsman.Pass}
		if !ok {
			f.Result, f.Text = pointsman.Fail, text
		}
		return f
	}
	ev := pointsman.Evidence{Facts: []pointsman.Fact{fact("role of "+r.Node, pointsman.Hard, r.State == Writable, r.State.Words(), Writable.Words(), r.Node+" is still in recovery")}}
	if memo.SystemID != "" {
		ev.Facts = append(ev.Facts, fact("identity of "+r.Node, pointsman.Hard, r.SystemID == memo.SystemID, "system identifier "+r.SystemID, "system identifier "+memo.SystemID,
			fmt.Sprintf("%s has the system identifier %s, before the promotion it was %s", r.Node, r.SystemID, memo.SystemID)))
	}
	if r.State == Writable {
		ev.Facts = append(ev.Facts, timelineAfter(r, memo))
	}
	ev.Holds = len(pointsman.Refusals(ev.Facts)) == 0
	return ev
}

// timelineAfter: a promotion begins the next timeline whose number is free. PostgreSQL leaves out those whose history file it
// finds in the archive or in pg_wal, where somebody was promoted before and rewound (findNewestTimeLine in its timeline.c).
// So a later one than the next is told, and does not stop a run that is behind its point of no return.
func timelineAfter(r Reading, memo PromoteMemo) pointsman.Fact {
	f := pointsman.Fact{
		Guard: "G27", Kind: pointsman.Hard, Name: "timeline of " + r.Node, Value: fmt.Sprintf("timeline %d", r.Timeline),
		Source: r.Node, At: r.At, Result: pointsman.Fail,
	}
	if memo.Timeline == 0 || memo.Already {
		f.Kind, f.Text = pointsman.Warn, fmt.Sprintf("%s is primary on timeline %d; the timeline before is not known", r.Node, r.Timeline)
		return f
	}
	want := memo.Timeline + 1
	f.Limit = fmt.Sprintf("timeline %d", want)
	switch {
	case r.Timeline == want:
		f.Result = pointsman.Pass
	case r.Timeline > want:
		f.Kind = pointsman.Warn
		f.Text = fmt.Sprintf("%s is on timeline %d, not %d, whose history is in the archive or in pg_wal: make sure that nobody serves on it", r.Node, r.Timeline, want)
	default:
		f.Text = fmt.Sprintf("%s is on timeline %d, after a promotion it must be %d", r.Node, r.Timeline, want)
	}
	return f
}
