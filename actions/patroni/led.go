package patroni

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// proof is what patroni.status leaves of a write through the clients' address.
type proof struct {
	Token string `json:"token,omitempty"`
}

// moves reports whether an earlier step of the plan moves the leadership, and so whether what is looked for is not there yet.
func moves(in actions.Input) bool {
	return in.Promises("patroni.switchover", "patroni.failover")
}

// led judges the cluster after it was given its leader. Before that, which a plan may be made for, it is due later.
func (c Cluster) led(ctx context.Context, in actions.Input, s Situation, w wish, former string) pointsman.Evidence {
	if moves(in) && s.leader().Name != w.Candidate {
		ev := pointsman.Evidence{Facts: []pointsman.Fact{s.due(in, "leader and followers", "members")}}
		if !c.Clients.empty() {
			ev.Facts = append(ev.Facts, s.due(in, "write through clients", "clients"))
		}
		return ev
	}
	ev := s.judgeLed(w, former)
	if !c.Clients.empty() {
		ev.Facts = append(ev.Facts, c.reachable(ctx, s.systemID()))
	}
	return ev
}

func (s Situation) due(in actions.Input, what, source string) pointsman.Fact {
	return pointsman.Fact{
		Guard: "G22", Kind: pointsman.Hard, Name: what, Value: "not due yet", Limit: "after the move", Source: source, At: s.At,
		Result: pointsman.Later, BeforeN: in.StepN, Text: fmt.Sprintf("%s will be checked in step %d", what, in.StepN),
	}
}

// judgeLed: the candidate leads, on a later timeline than the plan's, all agree on it, and everybody streams from it. A
// silent member is only told: it may have been silent before. Not so the leader that handed over, who was alive.
func (s Situation) judgeLed(w wish, former string) pointsman.Evidence {
	ev := pointsman.Evidence{Facts: []pointsman.Fact{
		s.leadsNow(w.Candidate, w.Leader), s.later(w), s.identity(wish{SystemID: w.SystemID}), s.quorum(s.lessOne()), s.agreement(),
	}}
	for _, r := range s.Readings {
		if r.Member == w.Candidate {
			continue
		}
		f := s.follows(r.Member, w)
		if r.Fault != "" && r.Member != former {
			f.Kind, f.Result = pointsman.Warn, pointsman.Unknown
		}
		ev.Facts = append(ev.Facts, f)
	}
	return ev
}

// later: a cluster that is led on the timeline of the plan was not moved.
func (s Situation) later(w wish) pointsman.Fact {
	now := s.timeline()
	f := pointsman.Fact{
		Guard: "G27", Kind: pointsman.Hard, Name: "timeline", Value: strconv.Itoa(now), Limit: "after " + strconv.Itoa(w.Timeline),
		Source: w.Candidate + ": /patroni", At: s.reading(w.Candidate).At, Result: pointsman.Fail, Clears: "see /history of the members",
		Text: fmt.Sprintf("the cluster is on timeline %d, wanted is one after %d", now, w.Timeline),
	}
	if now > w.Timeline {
		return good(f, strconv.Itoa(now))
	}
	return f
}

// proveWrite writes through the clients' address. What is going to be written is stored first, so that a successor can
// read it back.
func (c Cluster) proveWrite(ctx context.Context, in actions.Input, w wish) (actions.Outcome, error) {
	s, err := c.look(ctx)
	if err != nil {
		return actions.Outcome{}, actions.Refuse("%v", err)
	}
	if f := s.leadsNow(w.Candidate, w.Leader); f.Result != pointsman.Pass {
		return actions.Outcome{}, &actions.RefusedError{Facts: []pointsman.Fact{f}}
	}
	p := proof{Token: rand.Text()}
	raw, err := json.Marshal(p)
	if err == nil && in.Remember != nil {
		err = in.Remember(raw, "writes through the clients' address")
	}
	if err != nil {
		return actions.Outcome{}, actions.Refuse("what would be written could not be stored, so nothing was written: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, budget(ctx, 15*c.ReadTimeout))
	defer cancel()
	out := actions.Outcome{Memo: raw}
	if err := c.write(ctx, s.systemID(), s.timeline(), p.Token); err != nil {
		return out, err
	}
	out.Note = fmt.Sprintf("a write through the clients' address arrived on timeline %d", s.timeline())
	return out, nil
}

// proven judges what was read back, over a new connection.
func (s Situation) proven(in actions.Input, a arrival, visited error) (pointsman.Fact, error) {
	var p proof
	if len(in.Memo) > 0 {
		if err := json.Unmarshal(in.Memo, &p); err != nil {
			return pointsman.Fact{}, fmt.Errorf("memo of the write through clients: %w", err)
		}
	}
	return s.arrived(a, p.Token, visited), nil
}

// follows: a replica that runs but does not stream falls behind, and nobody notices until it is needed. Before 3.1
// Patroni calls both "running", so the leader's own list of receivers counts.
func (s Situation) follows(name string, w wish) pointsman.Fact {
	v, _, _ := s.view()
	seen, _ := v.member(name)
	r := s.reading(name)
	f := pointsman.Fact{
		Guard: "G29", Kind: pointsman.Hard, Name: "member " + name, Limit: "streams from " + w.Candidate, Source: w.Candidate + ": /patroni, " + name + ": /patroni",
		At: r.At, Result: pointsman.Fail, Clears: fmt.Sprintf("patronictl list %s; if it cannot follow, patronictl reinit %s %s", s.Cluster.Scope, s.Cluster.Scope, name),
	}
	streams := s.reading(w.Candidate).Self.StreamsTo(name)
	if !streams && r.Self.Timeline > w.Timeline {
		from, cascaded := seen.Tags["replicatefrom"].(string)
		streams = seen.State == "streaming" || cascaded && s.reading(from).Self.StreamsTo(name)
	}
	if streams || seen.Tags.On("nostream") && r.Self.Timeline > w.Timeline {
		return good(f, "streams, timeline "+fmt.Sprint(r.Self.Timeline))
	}
	f.Value = strings.TrimSpace(seen.Role + " " + seen.State)
	f.Text = fmt.Sprintf("%s does not stream from %s: %s", name, w.Candidate, s.states(r))
	return f
}
