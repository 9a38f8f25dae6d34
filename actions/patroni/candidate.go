package patroni

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pointsman/pointsman"
)

// synchronous reports whether the cluster is in synchronous mode; then Patroni lets only synchronous replicas lead.
func (s Situation) synchronous() bool {
	return slices.ContainsFunc(s.Readings, func(r Reading) bool { return r.Settings.Synchronous })
}

// unfit says why a member may not lead, with the guard; empty where nothing is against it.
func (s Situation) unfit(name string) string {
	v, _, _ := s.view()
	seen, listed := v.member(name)
	r := s.reading(name)
	switch {
	case r.Fault != "":
		return "does not answer (" + oneLine(r.Fault) + ")"
	case !listed:
		return "is not in the cluster: the DCS has no such member"
	case !seen.Replica() || r.Self.Role != "replica":
		return fmt.Sprintf("is no replica: the cluster calls it %s, itself %s", seen.Role, r.Self.Role)
	case !Running(seen.State) || !Running(r.Self.State) || !r.Healthy:
		return fmt.Sprintf("does not run: the cluster calls it %s, itself %s", seen.State, r.Self.State)
	case r.Self.Tags.On("nofailover") || seen.Tags.On("nofailover"):
		return "has the tag nofailover"
	case r.Self.WatchdogFailed:
		return "has no usable watchdog"
	case s.synchronous() && !seen.Synchronous():
		return "is not synchronous, and the cluster is in synchronous mode"
	}
	return ""
}

// sane is a lag within the limit; unknown is not.
func (s Situation) sane(name string) bool {
	v, _, _ := s.view()
	m, ok := v.member(name)
	return ok && m.Lag.Known && m.Lag.Bytes <= int64(s.Cluster.Limits.Lag)
}

// current reports whether the member is on the cluster's timeline. An unknown timeline is not.
func (s Situation) current(name string) bool {
	now := s.timeline()
	return now > 0 && s.reading(name).Self.Timeline == now
}

// choose picks the member to lead: synchronous ones first, then the one that received most, then the first configured.
// A switchover loses nothing whoever is taken, and received positions move all the time; so it takes the first configured
// of those within the limit, or the choice would be another one at every look.
func (s Situation) choose(lost bool) string {
	v, _, _ := s.view()
	var fit []Reading
	for _, r := range s.Readings {
		if s.unfit(r.Member) == "" && s.sane(r.Member) && s.current(r.Member) {
			fit = append(fit, r)
		}
	}
	if len(fit) == 0 {
		return ""
	}
	slices.SortStableFunc(fit, func(a, b Reading) int {
		first := func(r Reading) int {
			if m, _ := v.member(r.Member); m.Synchronous() {
				return 0
			}
			return 1
		}
		order := cmp.Compare(first(a), first(b))
		if lost {
			order = cmp.Or(order, cmp.Compare(b.Self.Xlog.Received, a.Self.Xlog.Received))
		}
		return order
	})
	return fit[0].Member
}

// candidate judges the member that is to lead.
func (s Situation) candidate(name string) []pointsman.Fact {
	if name == "" {
		return []pointsman.Fact{s.nobody()}
	}
	r := s.reading(name)
	v, by, _ := s.view()
	seen, _ := v.member(name)
	is := pointsman.Fact{
		Guard: "G4", Kind: pointsman.Hard, Name: "candidate " + name, Limit: "a running replica without nofailover", Source: name + ": /patroni, /health",
		At: r.At, Result: pointsman.Pass, Value: seen.Role + ", " + seen.State,
	}
	if why := s.unfit(name); why != "" {
		is.Result, is.Value, is.Text, is.Clears = pointsman.Fail, why, name+" "+why, "choose another member, or clear that"
	}
	timeline := pointsman.Fact{
		Guard: "G4", Kind: pointsman.Hard, Name: "timeline of " + name, Value: fmt.Sprint(r.Self.Timeline), Limit: fmt.Sprint(s.timeline()),
		Source: name + ": /patroni", At: r.At, Result: pointsman.Pass,
	}
	if !s.current(name) {
		timeline.Result, timeline.Clears = pointsman.Fail, "wait until it follows, or reinitialise it"
		timeline.Text = fmt.Sprintf("%s is on timeline %d, the cluster on %d", name, r.Self.Timeline, s.timeline())
		if r.Self.Timeline == 0 || s.timeline() == 0 {
			timeline.Result, timeline.Text = pointsman.Unknown, fmt.Sprintf("the timelines of %s (%s) and of the cluster (%s) are not both known", name, timeline.Value, timeline.Limit)
		}
	}
	return []pointsman.Fact{is, timeline, s.lag(seen, name, by, pointsman.Hard)}
}

// nobody explains why there is no candidate, member by member.
func (s Situation) nobody() pointsman.Fact {
	var why []string
	v, _, _ := s.view()
	leader := s.leader().Name
	for _, r := range s.Readings {
		seen, _ := v.member(r.Member)
		switch no := s.unfit(r.Member); {
		case r.Member == leader:
		case no != "":
			why = append(why, r.Member+" "+no)
		case !s.current(r.Member):
			why = append(why, fmt.Sprintf("%s is on timeline %d, the cluster on %d", r.Member, r.Self.Timeline, s.timeline()))
		case !seen.Lag.Known:
			why = append(why, "the lag of "+r.Member+" is unknown")
		default:
			why = append(why, fmt.Sprintf("%s is %s behind, limit %s", r.Member, pointsman.Bytes(seen.Lag.Bytes), pointsman.Bytes(int64(s.Cluster.Limits.Lag))))
		}
	}
	if len(why) == 0 {
		why = []string{"there is no other member"}
	}
	return pointsman.Fact{
		Guard: "G4", Kind: pointsman.Hard, Name: "candidate", Value: "none", Source: "all members", At: s.At, Result: pointsman.Fail,
		Text: "no member may take over: " + strings.Join(why, ", "), Clears: "bring a replica up to date",
	}
}

// lag is how far a member is behind, as Patroni reckons it.
func (s Situation) lag(seen Seen, name string, by Reading, kind pointsman.GuardKind) pointsman.Fact {
	limit := int64(s.Cluster.Limits.Lag)
	f := pointsman.Fact{
		Guard: "G5", Kind: kind, Name: "lag of " + name, Value: "unknown", Limit: pointsman.Bytes(limit), Source: "/cluster of " + by.Member, At: by.At,
		Result: pointsman.Unknown, Text: "the lag of " + name + " is unknown, which is not zero", Clears: "wait until it streams",
	}
	if !seen.Lag.Known {
		return f
	}
	figure := float64(seen.Lag.Bytes)
	f.Value, f.Measure = pointsman.Bytes(seen.Lag.Bytes), &figure
	if seen.Lag.Bytes > limit {
		f.Result = pointsman.Fail
		f.Text = fmt.Sprintf("%s is %s behind, limit %s", name, f.Value, f.Limit)
		return f
	}
	return good(f, f.Value)
}
