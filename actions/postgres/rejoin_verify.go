package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// counted says what is rewound: which WAL, and how many commits are in it.
func (m RejoinMemo) counted(in Inspection) RejoinMemo {
	m.From, m.To, m.Commits, m.Uncounted = in.Fork.String(), in.Last.String(), in.Commits, !in.Counted
	return m
}

func (m RejoinMemo) note() string {
	if !m.Rewound {
		return fmt.Sprintf("%s was started as a standby of %s; nothing had to be rewound", m.Node, m.Primary)
	}
	return fmt.Sprintf("%s was rewound and started as a standby of %s; its WAL %s to %s with %s is kept in %s",
		m.Node, m.Primary, m.From, m.To, commits(m.Commits, !m.Uncounted, "commit"), m.Kept)
}

func (m RejoinMemo) outcome(note string) (actions.Outcome, error) {
	raw, err := json.Marshal(m)
	return actions.Outcome{Memo: raw, Note: note}, err
}

// errHalf: the node may run, or not.
var errHalf = errors.New("whether the node still runs is not known")

// left is the end of an attempt that failed. Once the node was stopped, nothing is a mere refusal any more: somebody has to
// start it again.
func (m RejoinMemo) left(err error) (actions.Outcome, error) {
	if _, refused := errors.AsType[*actions.RefusedError](err); refused && !m.Stopped {
		return actions.Outcome{}, err
	}
	switch {
	case errors.Is(err, errHalf):
	case m.Stopped:
		err = fmt.Errorf("%s ran, was stopped for this, and is not started again: %s", m.Node, err.Error()) // not wrapped: something was done
	}
	out, merr := m.outcome("")
	return out, errors.Join(err, merr)
}

// stoppedBefore tells whether an earlier attempt of the step stopped the node. A memo that cannot be read is none.
func stoppedBefore(in actions.Input) bool {
	var m RejoinMemo
	return json.Unmarshal(in.Earlier, &m) == nil && m.Stopped
}

// remember stores the memo before an effect.
func (m RejoinMemo) remember(in actions.Input, what string) error {
	if in.Remember == nil {
		return nil
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return in.Remember(raw, what)
}

// Verify implements actions.Action: the primary says that the node streams, the node is on its timeline, and its replay
// is close.
func (a Rejoin) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	if args.Node == "" {
		return pointsman.Evidence{}, errors.New("the plan names no node to rejoin")
	}
	s, _ := a.c.look(ctx, cluster)
	j := rejoining{Situation: s, node: args.Node}
	if primary := j.primary(); primary.Node != "" {
		if j.followers, err = cluster.followersOf(ctx, primary.Node); err != nil {
			return pointsman.Evidence{}, fmt.Errorf("who follows %s: %w", primary.Node, err)
		}
	}
	return j.judgeRejoined(args), nil
}

// judgeRejoined is pure.
func (j rejoining) judgeRejoined(args RejoinArgs) pointsman.Evidence {
	r, primary := j.reading(j.node), j.primary()
	ev := pointsman.Evidence{Facts: []pointsman.Fact{j.writers(), j.identity(), j.livingPrimary()}}
	f := pointsman.Fact{
		Guard: "G28", Kind: pointsman.Hard, Name: "stream to " + j.node, Value: r.State.Words(), Limit: "streaming on the primary's timeline",
		Source: primary.Node + ": pg_stat_replication", At: j.At, Result: pointsman.Pass,
	}
	if !j.follows() {
		f.Result = pointsman.Fail
		f.Text = fmt.Sprintf("%s does not stream from the primary: it %s, timeline %d, and the primary is on %d", j.node, told(j.sightings(j.node)), r.Timeline, primary.Timeline)
		f.Clears = "read the log of " + j.node
	}
	ev.Facts = append(ev.Facts, f)
	if primary.Node == "" {
		ev.Facts[len(ev.Facts)-1].Source = "all nodes"
		return ev
	}
	limits, err := args.lag().limits()
	caughtUp := false
	if err == nil {
		var lag pointsman.Fact
		lag, caughtUp = j.behind(r, primary, limits)
		ev.Facts = append(ev.Facts, lag)
	}
	ev.Facts = append(ev.Facts, withoutStandby(primary.Node+" runs without a standby", len(j.streaming()), j.Situation))
	ev.Facts = append(ev.Facts, j.slotsLeft(j.node)...)
	ev.Holds = caughtUp && len(pointsman.Refusals(ev.Facts)) == 0
	return ev
}

func (j rejoining) streaming() []follower {
	var out []follower
	for _, f := range j.followers {
		if f.State == "streaming" {
			out = append(out, f)
		}
	}
	return out
}
