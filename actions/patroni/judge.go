package patroni

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pointsman/pointsman"
)

// wish is what a plan wants of a situation. The zero value leaves every choice to the judge.
type wish struct {
	Leader    string // who leads, and is to hand over; of a failover who led
	Candidate string
	Timeline  int    // on which the plan was made, 0 when there is none yet
	SystemID  string // of the cluster for which it was made
}

// The pins beside those of the root package.
const (
	pinTimeline = "timeline"
	pinSystemID = "system_id"
)

// pins are what a plan fixes of the wish.
func (w wish) pins() map[string]string {
	out := map[string]string{}
	for name, v := range map[string]string{
		pointsman.PinFrom: w.Leader, pointsman.PinTo: w.Candidate, pinSystemID: w.SystemID,
	} {
		if v != "" {
			out[name] = v
		}
	}
	if w.Timeline > 0 {
		out[pinTimeline] = strconv.Itoa(w.Timeline)
	}
	return out
}

// view is what the cluster looks like to its members: the leader's own view, or the first that there is. All come from
// the one DCS; that they agree is a guard of its own.
func (s Situation) view() (View, Reading, bool) {
	var first Reading
	for _, r := range s.Readings {
		if r.View == nil {
			continue
		}
		if r.View.Leader().Name == r.Member {
			return *r.View, r, true
		}
		if first.View == nil {
			first = r
		}
	}
	if first.View == nil {
		return View{}, Reading{At: s.At}, false
	}
	return *first.View, first, true
}

// leader is who holds the leader's key, by the view.
func (s Situation) leader() Seen {
	v, _, _ := s.view()
	return v.Leader()
}

// timeline is the cluster's: of the leader's own WAL, else the one that the history's last line began.
func (s Situation) timeline() int {
	if l := s.leader(); l.Name != "" {
		if own := s.reading(l.Name).Self; own.Primary() && own.Timeline > 0 {
			return own.Timeline
		}
		return l.Timeline
	}
	if last, ok := s.lastPromotion(); ok {
		return last.Timeline + 1
	}
	// A history that was told and is empty: nobody was ever promoted.
	if slices.ContainsFunc(s.Readings, func(r Reading) bool { return r.History != nil }) {
		return 1
	}
	return 0
}

// lastPromotion is the newest line of any member's history.
func (s Situation) lastPromotion() (Promotion, bool) {
	var last Promotion
	for _, r := range s.Readings {
		for _, p := range r.History {
			if p.Timeline >= last.Timeline {
				last = p
			}
		}
	}
	return last, last.Timeline > 0
}

// systemID is the cluster's, empty unless all that tell one tell the same.
func (s Situation) systemID() string {
	id := ""
	for _, r := range s.Readings {
		switch own := r.Self.SystemID; {
		case own == "" || own == id:
		case id == "":
			id = own
		default:
			return ""
		}
	}
	return id
}

// identity is G3: each member is one of the cluster that is configured, and all are copies of one database.
func (s Situation) identity(w wish) pointsman.Fact {
	f := pointsman.Fact{
		Guard: "G3", Kind: pointsman.Hard, Name: "identity", Limit: "scope " + s.Cluster.Scope + ", one system identifier", Source: "/patroni of all members",
		At: s.At, Result: pointsman.Fail, Clears: "correct scope and url of the members in the configuration",
	}
	ids := map[string]string{}
	for _, r := range s.Readings {
		if r.Fault != "" {
			continue
		}
		if r.Self.Patroni.Scope != s.Cluster.Scope {
			f.Value = "scope " + r.Self.Patroni.Scope
			f.Text = fmt.Sprintf("%s belongs to the scope %q, configured is %q", r.Member, r.Self.Patroni.Scope, s.Cluster.Scope)
			return f
		}
		if id := r.Self.SystemID; id != "" && ids[id] == "" {
			ids[id] = r.Member
		}
	}
	id := s.systemID()
	switch {
	case len(ids) > 1:
		var told []string
		for id, m := range ids {
			told = append(told, m+" "+id)
		}
		slices.Sort(told)
		f.Value, f.Text = strings.Join(told, ", "), "the members are of different databases: "+strings.Join(told, ", ")
	case id == "":
		f.Value, f.Result, f.Text = "unknown", pointsman.Unknown, "no member tells its system identifier, so it cannot be told which database this is"
	case w.SystemID != "" && w.SystemID != id:
		f.Value, f.Text = id, fmt.Sprintf("the system identifier is %s, the plan was made for %s", id, w.SystemID)
		f.Clears = "approve a new plan"
	default:
		return good(f, id)
	}
	return f
}

// quorum: so many members answered and told who leads.
func (s Situation) quorum(need int) pointsman.Fact {
	var told, silent []string
	for _, r := range s.Readings {
		if r.Fault == "" && r.View != nil {
			told = append(told, r.Member)
		} else {
			silent = append(silent, r.Member)
		}
	}
	f := pointsman.Fact{
		Guard: "G2", Kind: pointsman.Hard, Name: "members that tell who leads", Value: fmt.Sprintf("%d of %d", len(told), len(s.Readings)),
		Limit: "at least " + strconv.Itoa(need), Source: "/cluster of all members", At: s.At, Result: pointsman.Pass,
	}
	if len(told) < need {
		f.Result = pointsman.Unknown
		f.Text = fmt.Sprintf("%d of %d members tell who leads, wanted are at least %d; %s", len(told), len(s.Readings), need, s.silence(silent))
		f.Clears = "make the members answer, and reach their DCS"
	}
	return f
}

func (s Situation) silence(members []string) string {
	var out []string
	for _, m := range members {
		r := s.reading(m)
		why := r.Fault
		if why == "" {
			why = r.ViewFault
		}
		out = append(out, fmt.Sprintf("%s does not (%s)", m, oneLine(why)))
	}
	return strings.Join(out, ", ")
}

// agreement is G27: everybody names the same leader, and nobody else takes writes.
func (s Situation) agreement() pointsman.Fact {
	f := pointsman.Fact{
		Guard: "G27", Kind: pointsman.Hard, Name: "leader", Limit: "one, the same for all", Source: "/cluster and /patroni of all members", At: s.At,
		Result: pointsman.Fail,
	}
	names := map[string]string{}
	var writers []string
	for _, r := range s.Readings {
		if r.View != nil {
			names[r.View.Leader().Name] = r.Member
		}
		if r.Self.Primary() {
			writers = append(writers, r.Member)
		}
	}
	leader := s.leader().Name
	switch {
	case len(writers) > 1:
		f.Value = strings.Join(writers, ", ")
		f.Text = fmt.Sprintf("%s say that they are primary: that is a split brain", strings.Join(writers, " and "))
		f.Clears = "stop the clients, and find out which one has the writes that count, before anything else"
	case len(names) > 1:
		var told []string
		for name, by := range names {
			told = append(told, fmt.Sprintf("%s by %s", orNobody(name), by))
		}
		slices.Sort(told)
		f.Value, f.Text = strings.Join(told, ", "), "the members do not agree who leads: "+strings.Join(told, ", ")
		f.Clears = "wait for one loop of Patroni; if it lasts, look at the DCS"
	case len(writers) == 1 && writers[0] != leader:
		f.Value = orNobody(leader)
		f.Text = fmt.Sprintf("%s says that it is primary, but %s holds the leader's key", writers[0], orNobody(leader))
		f.Clears = "wait for one loop of Patroni; if it lasts, stop " + writers[0]
	default:
		return good(f, orNobody(leader))
	}
	return f
}

func orNobody(name string) string {
	if name == "" {
		return "nobody"
	}
	return name
}

// unmoved is G6: leader and timeline are those for which the plan was made.
func (s Situation) unmoved(w wish) []pointsman.Fact {
	var out []pointsman.Fact
	if now := s.timeline(); w.Timeline > 0 && now != w.Timeline {
		out = append(out, pointsman.Fact{
			Guard: "G6", Kind: pointsman.Hard, Name: "timeline", Value: strconv.Itoa(now), Limit: strconv.Itoa(w.Timeline), Source: "/patroni of the leader, /history",
			At: s.At, Result: pointsman.Fail, Text: fmt.Sprintf("the cluster is on timeline %d, the plan was made on %d: somebody was promoted meanwhile", now, w.Timeline),
			Clears: "approve a new plan",
		})
	}
	return out
}

// already says who made it so, as far as the history tells. Patroni does not keep whether a person asked.
func (s Situation) already(leader string) string {
	by := fmt.Sprintf("Patroni itself: %s leads on timeline %d", leader, s.timeline())
	if last, ok := s.lastPromotion(); ok && !last.At.IsZero() && (last.Leader == leader || last.Leader == "") {
		by += " since " + pointsman.Clock(last.At)
	}
	return by
}

// good completes a fact that is passed.
func good(f pointsman.Fact, value string) pointsman.Fact {
	f.Value, f.Result, f.Text, f.Clears = value, pointsman.Pass, "", ""
	return f
}
