package postgres

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pointsman/pointsman"
)

// fit are the standbys that may be promoted, the most advanced first by (timeline, received LSN); between equals the
// wished one, then one that commits waited for, then the first configured.
func (s Situation) fit(old string, w Wish) []Reading {
	var out []Reading
	for _, r := range s.in(Standby) {
		if n, ok := s.Cluster.node(r.Node); ok && !n.NeverPromote && r.Node != old {
			out = append(out, r)
		}
	}
	rank := func(r Reading) int {
		switch {
		case r.Node == w.Candidate:
			return 2
		case s.synchronous(r.Node):
			return 1
		}
		return 0
	}
	slices.SortStableFunc(out, func(a, b Reading) int {
		return cmp.Or(cmp.Compare(b.Timeline, a.Timeline), cmp.Compare(b.Receive, a.Receive), rank(b)-rank(a))
	})
	return out
}

// synchronous reports whether commits waited for the standby when the primary was last seen.
func (s Situation) synchronous(node string) bool {
	names := strings.Split(s.Sample.Sync, ",")
	return slices.Contains(names, node) || slices.Contains(names, s.expectedName(node))
}

// held is why a standby is not chosen by itself, though a person may name it; empty where nothing is.
func (r Reading) held() string {
	switch {
	case r.Delay > 0:
		return "replays with a delay of " + pointsman.Span(r.Delay)
	case r.Paused && r.Receive > r.Replay:
		return "has its replay paused with " + pointsman.Bytes(r.Receive.Beyond(r.Replay)) + " to go"
	}
	return ""
}

// ahead reports whether a has something that b lacks.
func ahead(a, b Reading) bool {
	return a.Timeline > b.Timeline || a.Timeline == b.Timeline && a.Receive > b.Receive
}

// candidate chooses the most advanced standby, or judges the one that the plan or a person named.
func (s Situation) candidate(old string, w Wish) (Reading, []pointsman.Fact) {
	fact := pointsman.Fact{Guard: "G4", Kind: pointsman.Hard, Name: "candidate", At: s.At, Source: "all nodes"}
	fit := s.fit(old, w)
	if w.Candidate != "" {
		return s.named(fit, w.Candidate, fact)
	}
	fact.Value, fact.Result = "none", pointsman.Fail
	if len(fit) == 0 {
		fact.Text, fact.Clears = "no standby answers that may be promoted", "start a standby"
		return Reading{}, []pointsman.Fact{fact}
	}
	i := slices.IndexFunc(fit, func(r Reading) bool { return r.held() == "" })
	if i < 0 {
		fact.Text = fmt.Sprintf("%s %s, so it is not chosen by itself, and no other standby may be promoted", fit[0].Node, fit[0].held())
		fact.Clears = "resume its replay, or name it as the candidate of the step"
		return Reading{}, []pointsman.Fact{fact}
	}
	fact.Name, fact.Source = "candidate "+fit[i].Node, fit[i].Node
	return fit[i], []pointsman.Fact{s.compared(fit[i], fit[0], fact)}
}

// named judges a candidate that was chosen before: by a person, or by the check that made the plan.
func (s Situation) named(fit []Reading, name string, fact pointsman.Fact) (Reading, []pointsman.Fact) {
	r := s.reading(name)
	fact.Name, fact.Source, fact.Value = "candidate "+name, name, r.State.Words()
	if !slices.ContainsFunc(fit, func(f Reading) bool { return f.Node == name }) {
		fact.Result = pointsman.Fail
		fact.Text = fmt.Sprintf("%s is no standby that may be promoted: it %s%s", name, r.State.Words(), detail(r.Detail))
		fact.Clears = "choose a standby that answers"
		return r, []pointsman.Fact{fact}
	}
	facts := []pointsman.Fact{s.compared(r, fit[0], fact)}
	if why := r.held(); why != "" {
		facts = append(facts, pointsman.Fact{
			Guard: "G4", Kind: pointsman.Ack, Name: "replay of " + name, Value: why, Limit: "neither delayed nor paused", Source: name, At: r.At,
			Result: pointsman.Fail, Text: fmt.Sprintf("%s %s: the promotion ends that, and replays everything first", name, why),
			Clears: "resume its replay, or promote another standby",
		})
	}
	return r, facts
}

// compared is G4: whatever another standby has more of is lost by this choice, so one more approver accepts it.
func (s Situation) compared(r, best Reading, fact pointsman.Fact) pointsman.Fact {
	if !ahead(best, r) {
		return good(fact, s.position(r))
	}
	fact.Kind, fact.Result, fact.Value = pointsman.Ack, pointsman.Fail, s.position(r)
	fact.Limit = best.Node + " at " + position(best)
	fact.Text = fmt.Sprintf("%s (%s) is less advanced than %s (%s)", r.Node, position(r), best.Node, position(best))
	fact.Clears = "promote " + best.Node
	if r.Timeline == best.Timeline {
		behind := step(float64(best.Receive.Beyond(r.Receive)), byteStep) // what is accepted
		fact.Measure = &behind
	}
	if why := best.held(); why != "" {
		fact.Text += ", which " + why
	}
	return fact
}

// others tells where the remaining standbys are, so that the choice can be followed.
func (s Situation) others(old string, candidate Reading) []pointsman.Fact {
	var out []pointsman.Fact
	for _, r := range s.in(Standby) {
		if r.Node == old || r.Node == candidate.Node || candidate.Node == "" {
			continue
		}
		f := good(pointsman.Fact{Guard: "G4", Kind: pointsman.Warn, Name: "standby " + r.Node, Source: r.Node, At: r.At}, s.position(r))
		if why := r.held(); why != "" {
			f.Value += ", " + why
		}
		if less := candidate.Receive.Beyond(r.Receive); less > 0 {
			f.Value += ", " + pointsman.Bytes(less) + " less than " + candidate.Node
		}
		if n, _ := s.Cluster.node(r.Node); n.NeverPromote && ahead(r, candidate) {
			f.Result = pointsman.Fail
			f.Text = fmt.Sprintf("%s has %s more than %s and is never promoted: it can follow only after pg_rewind", r.Node, pointsman.Bytes(r.Receive.Beyond(candidate.Receive)), candidate.Node)
			f.Clears = "nothing: what it has more can be read from it"
		}
		out = append(out, f)
	}
	return out
}

// furthest is the most that any standby received of the candidate's history: the primary wrote at least that.
func (s Situation) furthest(old string, candidate Reading) LSN {
	most := candidate.Receive
	for _, r := range s.in(Standby) {
		if r.Node != old && r.Timeline >= candidate.Timeline {
			most = max(most, r.Receive)
		}
	}
	return most
}

func position(r Reading) string {
	return fmt.Sprintf("timeline %d, received %s", r.Timeline, r.Receive)
}

// position says also whether commits waited for it, where any were waited for.
func (s Situation) position(r Reading) string {
	switch {
	case s.Sample.Sync == "":
		return position(r)
	case s.synchronous(r.Node):
		return position(r) + ", synchronous"
	}
	return position(r) + ", asynchronous"
}

// following says of every other standby whether it follows the new primary. A slot on the old one and a fixed
// primary_conninfo keep it behind, and nobody would notice until the next failover.
func (s Situation) following(primary string) []pointsman.Fact {
	var out []pointsman.Fact
	p := s.reading(primary)
	for _, r := range s.in(Standby) {
		f := pointsman.Fact{
			Guard: "G29", Kind: pointsman.Warn, Name: "standby " + r.Node, Value: "follows " + primary, Limit: "follows " + primary,
			Source: r.Node + ": pg_stat_wal_receiver", At: r.At, Result: pointsman.Pass,
		}
		switch {
		case !r.Stats:
			f.Value, f.Result, f.Clears = "not told", pointsman.Unknown, noStats
			f.Text = fmt.Sprintf("whether %s follows %s cannot be told: Pointsman's role there may not read pg_stat_wal_receiver", r.Node, primary)
		case r.Receiver.Status != "streaming" || r.Timeline < p.Timeline:
			f.Value, f.Result = "does not follow "+primary, pointsman.Fail
			f.Text = fmt.Sprintf("%s does not follow %s: it has no stream", r.Node, primary)
			if r.Receiver.Status == "streaming" {
				f.Text = fmt.Sprintf("%s does not follow %s: it streams from %s:%d on timeline %d, wanted is %d", r.Node, primary, r.Receiver.Host, r.Receiver.Port, r.Timeline, p.Timeline)
			}
			f.Clears = fmt.Sprintf("on %s: a replication slot for %s on %s, and primary_conninfo that leads there", r.Node, r.Node, primary)
		}
		out = append(out, f)
	}
	return out
}
