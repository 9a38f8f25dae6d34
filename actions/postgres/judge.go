package postgres

import (
	"fmt"
	"strings"

	"github.com/pointsman/pointsman"
)

// Wish is what a plan wants of a situation. The zero value leaves every choice to the judge.
type Wish struct {
	Candidate string            // pinned or named by the step
	Old       string            // pinned old primary
	Bounds    []pointsman.Bound // accepted by an approval
}

// Judge says whether the cluster may be failed over, to whom, and at which price. It is pure: hung, slow, dead and
// partitioned servers are values of the situation.
func (s Situation) Judge(w Wish) pointsman.Evidence {
	old, oldFact := s.oldPrimary(w)
	candidate, candidateFacts := s.candidate(old, w)
	ev := pointsman.Evidence{Pins: map[string]string{}}
	if old != "" {
		ev.Pins["old_primary"] = old
	}
	if candidate.Node != "" {
		ev.Pins["candidate"] = candidate.Node
	}
	ev.Facts = append(ev.Facts, s.writers(), s.identity())
	if by, promoted := s.promotedBySomebody(old, candidate.Node); promoted {
		ev.Already, ev.AlreadyBy = true, by
		ev.Pins["candidate"] = s.in(Writable)[0].Node // a plan names it, or the card could not say what has happened
		return ev
	}
	if other, fact := s.otherPrimary(old, w.Candidate); other {
		ev.Facts = append(ev.Facts, fact)
		return ev
	}
	if old == "" {
		ev.Facts = append(ev.Facts, oldFact)
	} else {
		ev.Facts = append(ev.Facts, s.goneFacts(old)...)
	}
	ev.Facts = append(ev.Facts, candidateFacts...)
	ev.Facts = append(ev.Facts, s.others(old, candidate)...)
	if old == "" || candidate.Node == "" || s.reading(old).State == Writable {
		return ev // no loss to state: nothing may be promoted
	}
	loss := s.loss(old, candidate)
	ev.Facts = append(ev.Facts, loss.facts(s.Cluster.Limits)...)
	ev.Facts = append(ev.Facts, loss.outside(w.Bounds)...)
	ev.Bounds = loss.bounds()
	ev.Facts = append(append(ev.Facts, s.history(old, candidate)...), s.unseen(old, candidate.Node)...)
	ev.Facts = append(append(ev.Facts, s.durability(candidate)...), s.redundancy(old, candidate.Node))
	if candidate.Keeping.SyncNames != "" {
		ev.Facts = append(ev.Facts, s.waitsAfterLoss(candidate, old))
	}
	return ev
}

// oldPrimary tells which node is, or was, the primary: the plan knows, or the world, or the last sample, or only one
// node is left that it can be.
func (s Situation) oldPrimary(w Wish) (string, pointsman.Fact) {
	if w.Old != "" {
		return w.Old, pointsman.Fact{}
	}
	if writers := s.in(Writable); len(writers) == 1 {
		before := s.Sample.Before
		if before != "" && s.Sample.Primary == writers[0].Node && !s.reading(before).State.Answers() && s.reading(before).State != Standby {
			return before, pointsman.Fact{} // it is down, and somebody has promoted another one
		}
		return writers[0].Node, pointsman.Fact{}
	}
	if s.Sample.Known() {
		return s.Sample.Primary, pointsman.Fact{}
	}
	var left []string
	for _, r := range s.Readings {
		if r.State != Standby {
			left = append(left, r.Node)
		}
	}
	if len(left) == 1 {
		return left[0], pointsman.Fact{}
	}
	text := "no node is primary and none was seen to be: all that answer are standbys"
	if len(left) > 1 {
		text = fmt.Sprintf("it cannot be told which node was the primary: %s do not answer as standbys and no sample was taken", strings.Join(left, ", "))
	}
	return "", pointsman.Fact{
		Guard: "G1", Kind: pointsman.Hard, Name: "old primary", Value: "unknown", Source: "all nodes", At: s.At,
		Result: pointsman.Unknown, Text: text, Clears: "find the old primary by hand and make sure that it is stopped",
	}
}

// promotedBySomebody: a node other than the old primary takes writes, alone. Not an error: the failover is done.
func (s Situation) promotedBySomebody(old, candidate string) (string, bool) {
	writers := s.in(Writable)
	if len(writers) != 1 || writers[0].Node == old || candidate != "" && writers[0].Node != candidate || s.answersAnywhere(old) {
		return "", false
	}
	at := s.At
	if s.Sample.Primary == writers[0].Node && !s.Sample.ChangedAt.IsZero() {
		at = s.Sample.ChangedAt
	}
	return "somebody else: " + writers[0].Node + " was seen as primary at " + pointsman.Clock(at), true
}

// otherPrimary: the failover is done, but not the one that was planned.
func (s Situation) otherPrimary(old, candidate string) (bool, pointsman.Fact) {
	writers := s.in(Writable)
	if len(writers) != 1 || candidate == "" || writers[0].Node == old || writers[0].Node == candidate {
		return false, pointsman.Fact{}
	}
	w := writers[0]
	return true, pointsman.Fact{
		Guard: "G1", Kind: pointsman.Hard, Name: "primary", Value: w.Node, Limit: candidate, Source: w.Node, At: w.At, Result: pointsman.Fail,
		Text: fmt.Sprintf("%s is primary, the plan promotes %s", w.Node, candidate), Clears: "nothing: the cluster has a primary",
	}
}

func (s Situation) answersAnywhere(node string) bool {
	for _, v := range s.sightings(node) {
		if v.State.Answers() {
			return true
		}
	}
	return false
}

// good completes a fact that is passed.
func good(f pointsman.Fact, value string) pointsman.Fact {
	f.Value, f.Result = value, pointsman.Pass
	return f
}

func detail(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}
