package patroni

import (
	"fmt"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

// judgeSwitchover says whether the leader may hand over, and to whom. It is pure.
func (s Situation) judgeSwitchover(w wish) pointsman.Evidence {
	leader := s.leader()
	ev := pointsman.Evidence{Facts: []pointsman.Fact{s.identity(w), s.quorum(s.Cluster.Quorum), s.agreement()}}
	settled := len(pointsman.Refusals(ev.Facts)) == 0
	if w.Candidate != "" && leader.Name == w.Candidate && s.serves(leader.Name) && settled {
		ev.Already, ev.AlreadyBy = true, s.already(leader.Name)
		if w.Leader == "" {
			w.Leader = leader.Name // nothing moves, but the steps that name it need a name
		}
		ev.Pins = w.pins()
		return ev
	}
	chosen := w
	if chosen.Candidate == "" {
		chosen.Candidate = s.choose(false)
	}
	ev.Pins = wish{Leader: leader.Name, Candidate: chosen.Candidate, Timeline: s.timeline(), SystemID: s.systemID()}.pins()
	ev.Facts = append(ev.Facts, s.leads(w.Leader))
	ev.Facts = append(ev.Facts, s.unmoved(w)...)
	ev.Facts = append(ev.Facts, s.paused(pointsman.Hard), s.scheduled())
	ev.Facts = append(ev.Facts, s.candidate(chosen.Candidate)...)
	ev.Facts = append(ev.Facts, s.around(chosen.Candidate)...)
	return ev
}

// judgeFailover says whether a cluster without a leader may be given one, and whom. It is pure.
func (s Situation) judgeFailover(w wish) pointsman.Evidence {
	ev := pointsman.Evidence{Facts: []pointsman.Fact{s.identity(w), s.quorum(s.lessOne()), s.agreement()}}
	settled := len(pointsman.Refusals(ev.Facts)) == 0
	leader := s.leader().Name
	if leader != "" && s.serves(leader) && settled {
		return s.led(ev, leader, w)
	}
	ev.Facts = append(ev.Facts, s.vacant())
	if leader == "" {
		ev.Facts = append(ev.Facts, s.signs())
	}
	now := wish{Leader: w.Leader, Candidate: w.Candidate, Timeline: s.timeline(), SystemID: s.systemID()}
	if last, ok := s.lastPromotion(); ok && now.Leader == "" {
		now.Leader = last.Leader
	}
	if leader == "" && now.Candidate == "" {
		now.Candidate = s.choose(true)
	}
	ev.Pins = now.pins()
	ev.Facts = append(ev.Facts, s.unmoved(w)...)
	ev.Facts = append(ev.Facts, s.paused(pointsman.Warn), s.scheduled())
	if leader != "" {
		return ev // nobody is chosen while the key is held: it would be a switchover
	}
	ev.Facts = append(ev.Facts, s.candidate(now.Candidate)...)
	ev.Facts = append(ev.Facts, s.around(now.Candidate)...)
	if now.Candidate != "" {
		loss, bound := s.loss(now.Candidate)
		ev.Facts = append(ev.Facts, loss)
		ev.Bounds = append(ev.Bounds, bound...)
	}
	return ev
}

// lessOne is the quorum where the lost leader need not answer, because it cannot.
func (s Situation) lessOne() int { return max(1, min(s.Cluster.Quorum, len(s.Cluster.Members)-1)) }

// led: somebody leads already. That is what a failover is for, unless the plan wanted somebody else.
func (s Situation) led(ev pointsman.Evidence, leader string, w wish) pointsman.Evidence {
	if w.Candidate != "" && w.Candidate != leader {
		ev.Facts = append(ev.Facts, pointsman.Fact{
			Guard: "G1", Kind: pointsman.Hard, Name: "vacancy", Value: leader + " leads", Limit: "no leader", Source: leader + ": /leader", At: s.reading(leader).At,
			Result: pointsman.Fail, Text: fmt.Sprintf("%s leads, the plan fails over to %s: with a leader it would be a switchover", leader, w.Candidate),
			Clears: "nothing: the cluster has a leader; to move it use the runbook patroni-switchover",
		})
		return ev
	}
	ev.Already, ev.AlreadyBy = true, s.already(leader)
	pins := w
	pins.Candidate = leader
	if pins.SystemID == "" {
		pins.SystemID = s.systemID()
	}
	ev.Pins = pins.pins()
	return ev
}

// serves reports whether the member says itself that it leads and takes writes.
func (s Situation) serves(name string) bool {
	r := s.reading(name)
	return r.Fault == "" && r.Leads && r.Self.Primary()
}

// leads is G6 for the leader that hands over.
func (s Situation) leads(planned string) pointsman.Fact {
	leader := s.leader()
	r := s.reading(leader.Name)
	f := pointsman.Fact{
		Guard: "G6", Kind: pointsman.Hard, Name: "who hands over", Value: orNobody(leader.Name), Limit: planned, Source: "/leader of " + orNobody(leader.Name),
		At: r.At, Result: pointsman.Fail,
	}
	switch {
	case leader.Name == "":
		f.Text, f.Clears = "nobody leads, so nobody can hand over", "use the runbook patroni-failover"
	case planned != "" && leader.Name != planned:
		f.Text = fmt.Sprintf("%s leads, the plan was made while %s did", leader.Name, planned)
		f.Clears = "approve a new plan"
	case leader.Role == "standby_leader":
		f.Text, f.Clears = leader.Name+" leads a standby cluster, which takes no writes", "switch over in the primary cluster"
	case !s.serves(leader.Name):
		f.Text = fmt.Sprintf("%s holds the leader's key and does not serve as primary: %s", leader.Name, s.states(r))
		f.Clears = "wait until it runs; if it is lost, Patroni replaces it, and patroni-failover is for when it does not"
	default:
		f = good(f, leader.Name)
	}
	return f
}

func (s Situation) states(r Reading) string {
	if r.Fault != "" {
		return "it does not answer (" + oneLine(r.Fault) + ")"
	}
	return fmt.Sprintf("its role is %s, its state %s", r.Self.Role, r.Self.State)
}

// vacant is G1 for a failover: nobody holds the leader's key.
func (s Situation) vacant() pointsman.Fact {
	f := pointsman.Fact{
		Guard: "G1", Kind: pointsman.Hard, Name: "vacancy", Limit: "no leader", Source: "/cluster of all members", At: s.At, Result: pointsman.Fail,
	}
	leader := s.leader().Name
	if leader == "" {
		if _, _, known := s.view(); !known {
			f.Result, f.Value, f.Text, f.Clears = pointsman.Unknown, "unknown", "no member tells who leads", "make the members reach their DCS"
			return f
		}
		if name := s.receives(); name != "" {
			f.Value = name + " still receives"
			f.Text = name + " still receives from a server, though nobody leads: the old leader lives without its Patroni"
			f.Clears = "stop that server, or start its Patroni again; the stream of a frozen one ends by itself after wal_receiver_timeout"
			return f
		}
		return good(f, "nobody leads")
	}
	var ttl time.Duration
	for _, r := range s.Readings {
		ttl = max(ttl, time.Duration(r.Settings.TTL)*time.Second)
	}
	f.Value = leader + " holds the key"
	f.Text = fmt.Sprintf("%s holds the leader's key, and %s; a failover now would be a switchover", leader, s.states(s.reading(leader)))
	f.Clears = fmt.Sprintf("wait until the key ends (ttl %s): Patroni then chooses a leader itself, unless it is paused", pointsman.Span(ttl))
	return f
}

// receives names a member that streams, from 3.1 on, where the name of its state says so. One that receives from another
// replica by configuration proves nothing.
func (s Situation) receives() string {
	v, _, _ := s.view()
	for _, m := range v.Members {
		if _, cascaded := m.Tags["replicatefrom"]; m.State == "streaming" && !cascaded {
			return m.Name
		}
	}
	return ""
}

// paused: in maintenance mode Patroni does not act by itself. A switchover would then be made by nobody who watches over
// it; a failover to a named member works, and is the only way to a leader.
func (s Situation) paused(kind pointsman.GuardKind) pointsman.Fact {
	v, by, _ := s.view()
	f := pointsman.Fact{
		Guard: "G23", Kind: kind, Name: "maintenance mode", Value: "off", Limit: "off", Source: "/cluster of " + by.Member, At: by.At, Result: pointsman.Pass,
	}
	on := v.Paused
	for _, r := range s.Readings {
		on = on || r.Self.Paused || r.View != nil && r.View.Paused
	}
	if on {
		f.Value, f.Result, f.Clears = "on", pointsman.Fail, "patronictl resume "+s.Cluster.Scope
		f.Text = s.Cluster.Scope + " is paused: Patroni does not demote, promote or rejoin members by itself, and would leave a half-done switchover as it is"
		if kind == pointsman.Warn {
			f.Text = s.Cluster.Scope + " is paused: Patroni replaces no lost leader by itself, a failover to a named member works, and the old leader is not kept from coming back as one"
		}
	}
	return f
}

// scheduled: a request of ours would silently replace one that somebody scheduled.
func (s Situation) scheduled() pointsman.Fact {
	f := pointsman.Fact{
		Guard: "G7", Kind: pointsman.Hard, Name: "scheduled switchover", Value: "none", Limit: "none", Source: "/cluster of all members", At: s.At, Result: pointsman.Pass,
	}
	for _, r := range s.Readings {
		if r.View == nil || r.View.Scheduled == nil {
			continue
		}
		to := r.View.Scheduled.To
		if to == "" {
			to = "any member"
		}
		f.Value, f.Result = fmt.Sprintf("to %s at %s", oneLine(to), oneLine(r.View.Scheduled.At)), pointsman.Fail
		f.Text = fmt.Sprintf("a switchover is scheduled, %s; another request would replace it", f.Value)
		f.Clears = "wait for it, or patronictl flush " + s.Cluster.Scope + " switchover"
	}
	return f
}

// loss is G5 of a failover. What the lost leader wrote after it last told its position is known to nobody.
func (s Situation) loss(candidate string) (pointsman.Fact, []pointsman.Bound) {
	v, by, _ := s.view()
	seen, _ := v.member(candidate)
	var loop time.Duration
	for _, r := range s.Readings {
		loop = max(loop, time.Duration(r.Settings.LoopWait)*time.Second)
	}
	f := pointsman.Fact{
		Guard: "G5", Kind: pointsman.Ack, Name: "loss", Limit: "nothing", Source: "/cluster of " + by.Member, At: by.At, Result: pointsman.Fail,
		Clears: "bring the lost leader back, if it can be",
	}
	if !seen.Lag.Known {
		f.Value, f.Result, f.Text = "unknown", pointsman.Unknown, "what would be lost is unknown"
		return f, nil
	}
	bytes := pointsman.Bytes(seen.Lag.Bytes)
	bound := []pointsman.Bound{{Name: "lost_bytes", Max: float64(seen.Lag.Bytes), Text: "loss <= " + bytes + " and the last loop"}}
	if s.synchronous() && seen.Synchronous() && seen.Lag.Bytes == 0 {
		return good(f, "nothing: commits waited for "+candidate), bound
	}
	f.Value = bytes + " and what was written in the last " + pointsman.Span(loop)
	f.Text = fmt.Sprintf("%s lacks %s of what the leader last told, and what the leader wrote after that (it tells every %s)", candidate, bytes, pointsman.Span(loop))
	return f, bound
}

// around is what people want to see and what no guard is: who is synchronous, waits for a restart, may not lead, is silent.
func (s Situation) around(candidate string) []pointsman.Fact {
	v, by, ok := s.view()
	var out []pointsman.Fact
	var synchronous, never []string
	for _, name := range s.Cluster.names() {
		seen, listed := v.member(name)
		r := s.reading(name)
		if seen.Synchronous() {
			synchronous = append(synchronous, name)
		}
		if seen.Tags.On("nofailover") || r.Self.Tags.On("nofailover") {
			never = append(never, name)
		}
		if listed && seen.Replica() && name != candidate {
			out = append(out, s.lag(seen, name, by, pointsman.Warn))
		}
		if r.Self.PendingRestart || seen.PendingRestart {
			out = append(out, pointsman.Fact{
				Kind: pointsman.Warn, Name: "restart of " + name, Value: "pending", Limit: "none pending", Source: name + ": /patroni", At: r.At, Result: pointsman.Fail,
				Text: name + " waits for a restart to take changed settings over", Clears: fmt.Sprintf("patronictl restart %s %s", s.Cluster.Scope, name),
			})
		}
		if r.Fault != "" && name != candidate {
			out = append(out, pointsman.Fact{
				Guard: "G29", Kind: pointsman.Warn, Name: "member " + name, Value: "no answer", Limit: "answers", Source: name + ": /patroni", At: r.At,
				Result: pointsman.Unknown, Text: name + " " + "does not answer (" + oneLine(r.Fault) + ")", Clears: "look at its Patroni",
			})
		}
	}
	if ok {
		fact := func(name, value string) {
			out = append(out, pointsman.Fact{Name: name, Value: value, Source: "/cluster of " + by.Member, At: by.At, Result: pointsman.Pass})
		}
		fact("timeline of the cluster", fmt.Sprint(s.timeline()))
		fact("synchronous members", orNone(synchronous))
		fact("members with nofailover", orNone(never))
	}
	return out
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
