package pointsman

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// unit is the search's step of time. The policies below are small multiples of it, so that few instants matter.
const unit = 10 * time.Minute

var (
	rob    = Actor{Person: person("rob", "dba"), Door: DoorCLI, Ref: "uid 1003"}
	nobody = Actor{Door: DoorSlack, Ref: "T1/U9"}
	crew   = map[string]Person{"ana": dbaA.Person, "ben": dbaB.Person, "rob": rob.Person}
)

// spot is one state of the search: the reducer's state, the time, and the independent count of the votes.
type spot struct {
	state   State
	now     time.Time
	ballots ballots
	trail   *trail
	index   int32
	ends    bool   // quiet, or beyond the alphabet's limits
	packed  []byte // the state, where it waits for its turn
}

// trail is what led to a state, for the counterexample. It does not hold the states on the way: millions of them would
// not fit into memory.
type trail struct {
	from  *trail
	by    string
	depth int
}

func (n *spot) path() string {
	var out []string
	for t := n.trail; t != nil; t = t.from {
		out = append(out, t.by)
	}
	slices.Reverse(out)
	return strings.Join(out, "\n  ")
}

func (n *spot) depth() int {
	if n.trail == nil {
		return 0
	}
	return n.trail.depth
}

// walker is an exhaustive breadth-first search over the shipping reducer. It looks at every command of a small
// alphabet in every state, and knows states again by what decides about their future: times only relative to now,
// counters not at all.
type walker struct {
	alphabet
	plans map[string][]byte // by name
	names map[string]string // digest -> name of the plan
}

// alphabet says which commands there are. A smaller one is searched deeper, down to its last state.
type alphabet struct {
	alerts    []string // fingerprints
	people    []Actor  // who votes
	proposals int      // no state with more is looked into
	runs      int
	requests  bool // a person asks, too
	steers    bool // runs are parked, steered, taken over
	twoPlans  bool
	conds     bool // the promotion has a condition
	grows     bool // what would be lost is more than was approved, and one more approver accepts it
	gates     bool // plan A has a gate before its point of no return
	groups    bool // with wishes: what comes before the point of no return is two members of a group
	wishes    bool // people pause, resume, skip, abort at work; the plan allows all of it
	holds     bool // people lock, unlock, freeze, unfreeze
	watched   bool // a watch gives an alarm on the target, and ends it
	midway    bool // with wishes and holds: the search begins where a freeze holds the undoing of two steps
}

func newWalker(t *testing.T, a alphabet) *walker {
	s := &walker{alphabet: a, plans: map[string][]byte{}, names: map[string]string{}}
	for name, pin := range map[string]string{"A": "pg-2", "B": "pg-3"} {
		plan, err := DecodePlan(planBytes(t, 2, pin))
		if err != nil {
			t.Fatal(err)
		}
		plan.Policy.Expires = 2 * unit
		if a.wishes {
			steerable(&plan)
		}
		if a.groups {
			together(&plan)
		}
		if a.conds {
			plan.Steps[1].When = &Condition{Fact: "lag", Is: "<=", Value: "3"}
		}
		if a.gates {
			plan.Steps = slices.Insert(plan.Steps, 1, PlanStep{Name: "look", Kind: KindGate, Summary: "look", Approval: Policy{Require: []Requirement{{Count: 2, Role: "dba"}}, Expires: 2 * unit}})
		}
		raw, err := plan.Encode()
		if err != nil {
			t.Fatal(err)
		}
		s.plans[name], s.names[Digest(raw)] = raw, name
	}
	return s
}

// labelled is a command with its name in a counterexample; nil lets a unit of time pass.
type labelled struct {
	name string
	cmd  Command
}

func (s *walker) commands(n *spot) []labelled {
	var out []labelled
	add := func(cmd Command, format string, args ...any) {
		out = append(out, labelled{fmt.Sprintf(format, args...), cmd})
	}
	add(nil, "10 minutes pass")
	add(Tick{Incident: "INC-1"}, "tick")
	for _, print := range s.alerts {
		at, fires := n.now, false
		for _, a := range n.state.Alerts {
			if a.Fingerprint == print {
				fires = a.Status == AlertFiring
				if fires {
					at = a.StartsAt
				} else {
					add(searched(primaryDown(print, a.StartsAt, AlertFiring)), "%s fires again as before", print)
				}
			}
		}
		add(searched(primaryDown(print, at, AlertFiring)), "%s fires", print)
		if fires {
			add(searched(primaryDown(print, at, AlertResolved)), "%s resolves", print)
		}
	}
	if s.requests {
		add(Request{Key: "target:postgres/orders", By: rob, Offer: webhook().Offers[0], Reason: "planned"}, "rob asks")
		add(Request{Key: "target:postgres/orders", By: nobody, Offer: webhook().Offers[0]}, "a stranger asks")
	}
	add(CloseIncident{Incident: "INC-1", By: dbaA}, "ana closes")
	add(WriteUpdate{Incident: "INC-1", By: dbaA, Text: "we are on it"}, "ana writes")
	if s.holds {
		holding(n, add)
	}
	if s.watched {
		watching(add)
	}
	for _, p := range n.state.Proposals {
		s.about(n, p, add)
	}
	for _, r := range n.state.Runs {
		s.aboutRun(r, add)
		if s.steers && !r.State.Terminal() {
			steering(r, n.now, add)
			if s.wishes {
				wishes(r, add)
			}
			if s.groups {
				members(r, add)
			}
			if s.grows {
				growing(r, add)
			}
		}
		if s.gates {
			s.atGate(r, add)
		}
		if s.conds && r.State == RunQueued {
			for _, lag := range []float64{2, 5} {
				add(StartRun{Run: r.ID, Epoch: r.Epoch + 1, People: crew, Facts: []Fact{{Name: "lag", Value: "some", Measure: &lag, Result: Pass}}}, "%s starts with a lag of %v", r.ID, lag)
			}
		}
	}
	return out
}

func searched(a Alert) ReceiveAlerts {
	w := webhook(a)
	w.Update, w.Escalate.After = 3*unit, unit
	return w
}

func (s *walker) about(n *spot, p Proposal, add func(Command, string, ...any)) {
	if p.State == ProposalDenied || p.State == ProposalWithdrawn {
		return
	}
	ready := Ready{Proposal: p.ID, Generation: p.Generation}
	if p.State == ProposalChecking {
		if s.twoPlans {
			ready.Plan = s.plans["B"]
			add(ready, "%s ready with plan B", p.ID)
		}
		ready.Plan = s.plans["A"]
		add(ready, "%s ready with plan A", p.ID)
		already, refused, problem, old := ready, ready, ready, ready
		already.Already, old.Generation = "ben promoted it", p.Generation-1
		refused.Facts = []Fact{{Guard: "G1", Kind: Hard, Name: "primary", Value: "writable", Result: Fail}}
		problem.Plan, problem.Problem = nil, "no standby"
		add(already, "%s ready but done already", p.ID)
		add(refused, "%s refused", p.ID)
		add(problem, "%s has no plan", p.ID)
		add(old, "%s: an answer to older checks", p.ID)
	} else {
		ready.Plan = s.plans["A"]
		add(ready, "%s: a late answer", p.ID)
	}
	add(Recheck{Proposal: p.ID, By: dbaB}, "ben refreshes %s", p.ID)
	for generation := p.Generation - 1; generation <= p.Generation; generation++ {
		add(Relook{Proposal: p.ID, Generation: generation, Why: "the freeze is over"}, "%s is looked at again, generation %d", p.ID, generation)
	}
	for _, by := range s.people {
		add(CastVote{Proposal: p.ID, Digest: p.Digest, Verdict: Approve, By: by}, "%s approves %s", by, p.ID)
	}
	for _, by := range []Actor{dbaA, rob, eve, nobody} {
		add(CastVote{Proposal: p.ID, Digest: p.Digest, Verdict: Deny, By: by}, "%s denies %s", by, p.ID)
	}
	add(CastVote{Proposal: p.ID, Digest: strings.Repeat("0", 64), Verdict: Approve, By: dbaA}, "ana approves %s as on an old card", p.ID)
}

func (s *walker) aboutRun(r Run, add func(Command, string, ...any)) {
	add(TellHold{Run: r.ID, Text: "the freeze is over"}, "%s is told of a freeze", r.ID)
	if r.State.Terminal() {
		add(StartRun{Run: r.ID, Epoch: r.Epoch + 1, People: crew}, "%s starts after its end", r.ID)
		add(EndStep{Run: r.ID, Epoch: r.Epoch, Step: r.Current(), State: StepDone}, "%s: a step ends after the end", r.ID)
		add(Steer{Run: r.ID, Verb: VerbRetry, Reason: "seen on the console", By: dbaA}, "ana retries %s after its end", r.ID)
		return
	}
	i := r.Current()
	for epoch := r.Epoch - 1; epoch <= r.Epoch+1; epoch++ {
		add(StartRun{Run: r.ID, Epoch: epoch, People: crew}, "%s starts, epoch %+d", r.ID, epoch-r.Epoch)
		add(EndStep{Run: r.ID, Epoch: epoch, Step: i, State: StepDone}, "%s: step %d done, epoch %+d", r.ID, i+1, epoch-r.Epoch)
	}
	add(StartRun{Run: r.ID, Epoch: r.Epoch + 1, People: map[string]Person{"ana": dbaA.Person}}, "%s starts when ben has left", r.ID)
	add(StartRun{Run: r.ID, Epoch: r.Epoch + 1, People: crew, Facts: []Fact{{Kind: Hard, Name: "primary", Value: "writable", Result: Unknown}}}, "%s starts with a refusal", r.ID)
}

// steering are the commands about a run that does not go straight on.
func steering(r Run, now time.Time, add func(Command, string, ...any)) {
	i := r.Current()
	for epoch := r.Epoch - 1; epoch <= r.Epoch+1; epoch++ {
		add(TakeOver{Run: r.ID, Epoch: epoch, Owner: "b"}, "%s is taken over, epoch %+d", r.ID, epoch-r.Epoch)
		add(WakeRun{Run: r.ID, Epoch: epoch}, "%s wakes, epoch %+d", r.ID, epoch-r.Epoch)
	}
	for _, state := range []StepState{StepRefused, StepFailed, StepUnknown, StepSkipped} {
		add(EndStep{Run: r.ID, Epoch: r.Epoch, Step: i, State: state}, "%s: step %d %s", r.ID, i+1, state)
	}
	add(EndStep{Run: r.ID, Epoch: r.Epoch, Step: i + 1, State: StepDone}, "%s: step %d done before its turn", r.ID, i+2)
	add(WaitStep{Run: r.ID, Epoch: r.Epoch, Step: i, Until: now.Add(unit), Note: "waits"}, "%s waits", r.ID)
	add(WaitStep{Run: r.ID, Epoch: r.Epoch, Step: i, Note: "waits for a person"}, "%s waits for a person", r.ID)
	add(WaitStep{Run: r.ID, Epoch: r.Epoch, Step: i, Note: "waits for eve", Owner: "intern", Due: now.Add(unit)}, "%s waits for eve", r.ID)
	add(NoteMemo{Run: r.ID, Epoch: r.Epoch, Step: i, Memo: []byte(`{}`)}, "%s: memo", r.ID)
	add(NoteMemo{Run: r.ID, Epoch: r.Epoch, Step: i, Memo: []byte(`{}`), Note: "3 good", Tell: true}, "%s: progress", r.ID)
	add(WaitStep{Run: r.ID, Epoch: r.Epoch, Step: i, Until: now.Add(unit), Note: "3 good", Progress: true}, "%s: progress until the next look", r.ID)
	if i < len(r.Steps) && r.Steps[i].Attempt < 3 {
		add(RetryStep{Run: r.ID, Epoch: r.Epoch, Step: i, Attempt: r.Steps[i].Attempt}, "%s: step %d again", r.ID, i+1)
		add(RetryStep{Run: r.ID, Epoch: r.Epoch, Step: i, Attempt: r.Steps[i].Attempt, Unsent: true}, "%s: step %d was never sent, again", r.ID, i+1)
		add(RetryStep{Run: r.ID, Epoch: r.Epoch, Step: i, Attempt: r.Steps[i].Attempt - 1}, "%s: step %d again, said twice", r.ID, i+1)
	}
	for _, verb := range []Verb{VerbRetry, VerbDone, VerbAbort} {
		if i >= len(r.Steps) {
			break
		}
		if verb == VerbRetry && (r.Steps[i].Attempt >= 3 || r.howFar(i) != "" && attempts(r, i) >= 5) {
			continue
		}
		for _, by := range []Actor{dbaA, eve} {
			add(Steer{Run: r.ID, Verb: verb, Mark: r.Mark(), Reason: "seen on the console", By: by}, "%s says %s to %s", by, verb, r.ID)
		}
	}
}

// next decides one command and checks every invariant on the way.
func (n *spot) next(c labelled) (*spot, error) {
	to := &spot{trail: &trail{n.trail, c.name, n.depth() + 1}, now: n.now, state: n.state, ballots: n.ballots}
	if c.cmd == nil {
		to.now = n.now.Add(unit)
		return to, nil
	}
	m := move{before: n.state, cmd: c.cmd, now: n.now, ballots: n.ballots}
	m.after, m.events, m.answer = Decide(n.state, c.cmd, n.now)
	if err := m.check(); err != nil {
		return to, err
	}
	to.state, to.ballots = m.after, n.ballots.after(m)
	to.state.Alerts = newest(m.after.Alerts)
	return to, nil
}

// newest keeps the last firing of each alert: older ones are what a store would not load.
func newest(in []Alert) []Alert {
	var out []Alert
	for _, a := range in {
		if i := slices.IndexFunc(out, func(b Alert) bool { return a.Fingerprint == b.Fingerprint }); i >= 0 {
			if !a.StartsAt.Before(out[i].StartsAt) {
				out[i] = a
			}
			continue
		}
		out = append(out, a)
	}
	return out
}

// key is a sum of all that decides about the future of a state.
func (s *walker) key(n *spot) key { return sha256.Sum224([]byte(s.says(n))) }

type key [sha256.Size224]byte

func (s *walker) says(n *spot) string {
	var b strings.Builder
	rel := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return fmt.Sprint(min(max(int(t.Sub(n.now)/unit), -6), 6))
	}
	inc := n.state.Incident
	fmt.Fprintf(&b, "%s|%s|%s|%s|%d|%t|", inc.State, inc.Page, rel(inc.NextUpdate), rel(inc.EscalateAt), min(inc.Total, 1), inc.Alarm != "")
	for _, a := range n.state.Alerts {
		fmt.Fprintf(&b, "%s%s,", a.Fingerprint, a.Status)
	}
	for _, p := range n.state.Proposals {
		fmt.Fprintf(&b, "|%s %s %s %s %s %t%t%t%t %s", p.ID, p.State, p.Requester, s.names[p.Digest], rel(p.ExpiresAt), p.Already != "", p.Problem != "",
			len(Refusals(p.Facts)) > 0, p.RequestedAt.Before(inc.Since()), p.Run)
		if p.State == ProposalApproved {
			b.WriteString(rel(p.DecidedAt))
		}
		if p.State == ProposalRefused {
			b.WriteString(rel(p.CheckedAt))
		}
		for _, v := range p.Votes {
			fmt.Fprintf(&b, " %s%s%s", v.Person.ID, v.Verdict, s.names[v.Digest])
		}
		var who []string
		for person, digest := range n.ballots[p.ID] {
			who = append(who, person+s.names[digest])
		}
		slices.Sort(who)
		fmt.Fprint(&b, who)
	}
	for _, r := range n.state.Runs {
		fmt.Fprintf(&b, "|%s %s %s %s %t%t", r.ID, r.State, r.Proposal, rel(r.WakeAt), r.Regardless, r.Epoch > 0)
		b.WriteString(steerKey(r, rel))
		for _, st := range r.Steps {
			fmt.Fprintf(&b, " %s%d%t", st.State, st.Attempt, st.MarkedBy != "")
			if st.When != nil {
				is, _ := st.When.Holds(r.Known)
				fmt.Fprintf(&b, "w%s%t%t", is, st.Undecided, st.Despite != "")
			}
			if st.Kind == KindGate {
				fmt.Fprintf(&b, "g%s%s%s", rel(st.Gate.ExpiresAt), rel(st.Gate.PageAt), n.ballots.at(r.ID+" "+r.Mark()))
				for _, v := range st.Gate.Votes {
					b.WriteString(v.Person.ID + string(v.Verdict))
				}
			}
			if st.Duty != (Duty{}) {
				fmt.Fprintf(&b, "%s%s%t%s", st.Duty.Owner, rel(st.Duty.Due), st.Duty.Late, rel(st.Duty.PageAt))
			}
		}
	}
	b.WriteString(n.holdKey(rel))
	return b.String()
}

// looksInto says whether a state is within the alphabet's limits; beyond them it is seen but not expanded.
func (s *walker) looksInto(n *spot) bool {
	return n.state.Incident.Proposals <= s.proposals && n.state.Incident.RunCount <= s.runs
}

// quiet is where an incident may rest for ever.
func (n *spot) quiet() bool {
	_, open := n.state.OpenRun()
	return n.state.Incident.State != IncidentOpen && !open
}
