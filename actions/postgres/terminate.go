package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Terminate is the kind postgres.terminate: it ends sessions of clients on one node.
type Terminate struct{ onCluster }

var (
	_ actions.Action    = Terminate{}
	_ actions.Describer = Terminate{}
)

// TerminateArgs are the arguments of postgres.terminate. The filters are joined by "and".
type TerminateArgs struct {
	Cluster     string `json:"cluster"`
	Node        string `json:"node"`
	User        string `json:"user,omitempty"`
	Application string `json:"application,omitempty"`
	Database    string `json:"database,omitempty"`
	All         bool   `json:"all,omitempty"` // the sessions of all clients; must be said
}

// TerminateMemo is what Apply leaves: sessions that began before At, by the server's clock, are to be gone.
type TerminateMemo struct {
	At    time.Time `json:"at"`
	Ended int       `json:"ended"`
}

// Sessions is the name of the accepted figure.
const Sessions = "sessions"

// Kind implements actions.Action.
func (Terminate) Kind() string { return "postgres.terminate" }

// Describe implements actions.Describer.
func (a Terminate) Describe(in actions.Input) (string, error) {
	args, err := a.args(in)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("end %s on %s of %s", args.who(), args.Node, args.Cluster), nil
}

func (t TerminateArgs) who() string {
	s := "the clients' sessions"
	for _, part := range [][2]string{{" of user ", t.User}, {" of application ", t.Application}, {" in database ", t.Database}} {
		if part[1] != "" {
			s += part[0] + part[1]
		}
	}
	return s
}

func (Terminate) args(in actions.Input) (TerminateArgs, error) {
	var args TerminateArgs
	if err := in.Args(&args); err != nil {
		return args, err
	}
	if err := actions.Required("cluster", args.Cluster, "node", args.Node); err != nil {
		return args, err
	}
	if filtered := args.User != "" || args.Application != "" || args.Database != ""; filtered == args.All {
		return args, errors.New("name user, application or database, or say all: true, and not both")
	}
	return args, nil
}

func (a Terminate) resolve(in actions.Input) (TerminateArgs, Cluster, error) {
	args, err := a.args(in)
	if err != nil {
		return args, Cluster{}, err
	}
	cluster, err := a.c.having(in, args.Cluster, args.Node)
	return args, cluster, err
}

// Check implements actions.Action.
func (a Terminate) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	c, err := a.count(ctx, cluster, args)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	return c.judge(args), nil
}

func (a Terminate) count(ctx context.Context, cluster Cluster, args TerminateArgs) (crowd, error) {
	ctx, cancel := context.WithTimeout(ctx, budget(ctx, cluster.ReadTimeout))
	defer cancel()
	n, _ := cluster.node(args.Node)
	conn, err := n.connect(ctx, "")
	if err != nil {
		return crowd{}, fmt.Errorf("%s does not tell its sessions: %w", args.Node, err)
	}
	defer discard(conn)
	c, err := countSessions(ctx, conn, args, time.Time{})
	if err != nil {
		return c, fmt.Errorf("%s does not tell its sessions: %w", args.Node, err)
	}
	return c, nil
}

// judge is pure.
func (c crowd) judge(args TerminateArgs) pointsman.Evidence {
	count := pointsman.Fact{
		Guard: "G15", Kind: pointsman.Hard, Name: "sessions to end on " + args.Node, Value: c.told(), Source: args.Node + ": pg_stat_activity", At: c.at,
		Result: pointsman.Pass,
	}
	right := pointsman.Fact{
		Guard: "G15", Kind: pointsman.Hard, Name: "right to end sessions on " + args.Node, Value: "granted", Limit: "granted", Source: args.Node, At: c.at,
		Result: pointsman.Pass,
	}
	if !c.May && c.total() > 0 {
		right.Value, right.Result = "missing", pointsman.Fail
		right.Text = fmt.Sprintf("Pointsman's role may not end other roles' sessions on %s", args.Node)
		right.Clears = "GRANT pg_signal_backend to Pointsman's role"
	}
	ev := pointsman.Evidence{Facts: []pointsman.Fact{c.blind(count, args.Node), right}}
	if c.Spared > 0 {
		ev.Facts = append(ev.Facts, pointsman.Fact{
			Guard: "G15", Kind: pointsman.Warn, Name: "superusers' sessions on " + args.Node, Value: fmt.Sprint(c.Spared), Limit: "0", Source: args.Node, At: c.at,
			Result: pointsman.Fail, Clears: "end them by hand",
			Text: fmt.Sprintf("%s of superusers will stay: Pointsman's role may not end them", pointsman.Count(c.Spared, "session")),
		})
	}
	if c.total() == 0 && c.Stats {
		ev.Already, ev.AlreadyBy = true, "itself: there is no such session"
	}
	ev.Bounds = []pointsman.Bound{sessionBound(c.total())}
	return ev
}

func sessionBound(n int) pointsman.Bound {
	most := accepted(n)
	return pointsman.Bound{Name: Sessions, Max: most, Text: fmt.Sprintf("sessions to end <= %.0f", most)}
}

// leastAccepted is the smallest figure that an approval accepts.
const leastAccepted = 16

// accepted rounds up to a power of two: clients come and go, and each of them must not change the plan's digest.
func accepted(n int) float64 {
	return math.Pow(2, math.Ceil(math.Log2(max(leastAccepted, float64(n)))))
}

// Apply implements actions.Action. It counts once more over the connection that ends the sessions.
func (a Terminate) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, budget(ctx, 2*cluster.ReadTimeout))
	defer cancel()
	n, _ := cluster.node(args.Node)
	conn, err := n.connect(ctx, "")
	if actions.NoConnection(err) {
		return actions.Outcome{}, actions.NotSent(fmt.Errorf("%s cannot be reached: %w", args.Node, err))
	} else if err != nil {
		return actions.Outcome{}, actions.Refuse("%s does not answer: %v", args.Node, err)
	}
	defer discard(conn)
	c, err := countSessions(ctx, conn, args, time.Time{})
	if err != nil {
		return actions.Outcome{}, actions.Refuse("%s does not tell its sessions: %v", args.Node, err)
	}
	if no := pointsman.Refusals(c.judge(args).Facts); len(no) > 0 {
		return actions.Outcome{}, &actions.RefusedError{Facts: no}
	}
	if b, ok := in.Bound(Sessions); ok && float64(c.total()) > b.Max {
		return actions.Outcome{}, &actions.RefusedError{Facts: []pointsman.Fact{tooMany(b, c, args.Node)}}
	}
	memo := TerminateMemo{At: c.now}
	memo.Ended, err = endSessions(ctx, conn, args, c.now)
	raw, merr := json.Marshal(memo)
	note := fmt.Sprintf("asked %s on %s to end: %s", pointsman.Count(memo.Ended, "session"), args.Node, c.told())
	return actions.Outcome{Memo: raw, Note: note}, errors.Join(err, merr)
}

// tooMany refuses more sessions than were approved.
func tooMany(b pointsman.Bound, c crowd, node string) pointsman.Fact {
	return pointsman.Fact{
		Guard: "G15", Kind: pointsman.Hard, Name: "approved " + Sessions, Value: fmt.Sprint(c.total()), Limit: b.Text, Source: node, At: c.at,
		Result: pointsman.Fail, Text: fmt.Sprintf("approved was %s, now there are %d", b.Text, c.total()), Clears: "approve the new figure",
		Excess: pointsman.Exceeds(sessionBound(c.total()), b.Text),
	}
}

// Verify implements actions.Action: no session of that time is left. Clients that came back since are new sessions.
func (a Terminate) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	var memo TerminateMemo
	if len(in.Memo) > 0 {
		if err := json.Unmarshal(in.Memo, &memo); err != nil {
			return pointsman.Evidence{}, fmt.Errorf("memo of the sessions: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, budget(ctx, cluster.ReadTimeout))
	defer cancel()
	n, _ := cluster.node(args.Node)
	conn, err := n.connect(ctx, "")
	if err != nil {
		return pointsman.Evidence{}, fmt.Errorf("%s does not tell its sessions: %w", args.Node, err)
	}
	defer discard(conn)
	c, err := countSessions(ctx, conn, args, memo.At)
	if err != nil {
		return pointsman.Evidence{}, fmt.Errorf("%s does not tell its sessions: %w", args.Node, err)
	}
	f := pointsman.Fact{
		Guard: "G15", Kind: pointsman.Hard, Name: "sessions left on " + args.Node, Value: c.told(), Limit: "0", Source: args.Node + ": pg_stat_activity", At: c.at,
		Result: pointsman.Pass,
	}
	if c.total() > 0 {
		f.Result = pointsman.Fail
		f.Text = fmt.Sprintf("%s still there on %s, limit 0: %s", pointsman.Count(c.total(), "session"), args.Node, c.told())
	}
	f = c.blind(f, args.Node)
	return pointsman.Evidence{Facts: []pointsman.Fact{f}, Holds: f.Result == pointsman.Pass}, nil
}
