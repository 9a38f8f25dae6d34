package pointsman

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// move is one decision with everything that an invariant may look at.
type move struct {
	before, after State
	cmd           Command
	now           time.Time
	events        []Event
	answer        Answer
	ballots       ballots // who had approved what before, kept apart from the reducer's own votes
}

// ballots is a second, independent count of the votes: proposal -> person -> the digest they were shown.
type ballots map[string]map[string]string

// after returns the count after a move.
func (b ballots) after(m move) ballots {
	out := ballots{}
	for p, votes := range b {
		out[p] = map[string]string{}
		for who, digest := range votes {
			out[p][who] = digest
		}
	}
	for _, ev := range m.events {
		switch ev.Type {
		case EvVotesVoided, EvRunVoided, EvProposalExpired, EvProposalWithdrawn, EvProposalDenied:
			delete(out, ev.Proposal)
		}
	}
	if c, ok := m.cmd.(CastVote); ok && c.Run != "" {
		return out.atGate(m, c)
	}
	if c, ok := m.cmd.(CastVote); ok && c.Verdict == Approve && (m.answer.Code == CodeAccepted || m.answer.Code == CodeCounted) {
		if out[c.Proposal] == nil {
			out[c.Proposal] = map[string]string{}
		}
		p, _ := m.before.Proposal(c.Proposal)
		out[c.Proposal][c.By.Person.ID] = p.Digest
	}
	return out
}

// invariants are the promises that hold on every transition, by the names that the design gives them.
var invariants = map[string]func(m move) error{
	"I1 nothing runs without its quorum":                              quorumBehindEverything,
	"I2 an attempt follows only an answered one":                      attemptsInOrder,
	"I4 epochs never fall and stale ones change nothing":              epochsRise,
	"I5 a run's lock and a person's exclude each other":               locksExclude,
	"I8 nothing changes without an event":                             noSilentChange,
	"I10 what is decided stays decided":                               decidedStays,
	"I11 nothing begins while it is frozen":                           nothingWhileFrozen,
	"fencing tokens rise with every lock":                             tokensRise,
	"I12 nothing begins in a run that is not running":                 nothingAfterTheEnd,
	"I12 nothing begins after a decision to halt":                     nothingAfterAHalt,
	"a paused run stands and keeps its lock":                          pausedStands,
	"what is undone is undone once, before the return":                undoneOnce,
	"a step is skipped only by right":                                 skippedByRight,
	"every decision on a run is told":                                 steeringIsTold,
	"nothing begins after the deadline":                               nothingAfterTheDeadline,
	"a member begins only beside good ones, and only so many at once": membersInOrder,
	"I13 a parked run pages":                                          parkedPages,
	"a condition is answered before its step begins":                  conditionsRule,
	"I1 a gate opens by its own quorum":                               quorumAtGates,
	"only who may steer or owns a step says it is done":               wordCounts,
	"a person's step is chased in order":                              chasedInOrder,
	"every event and answer can be read":                              readable,
	"a resolved incident is quiet":                                    resolvedIsQuiet,
	"one run per target":                                              oneRunPerTarget,
	"votes stand for the digest they were given":                      votesMatch,
	"an open run has its approval":                                    runsHaveApproval,
	"the count of firing alerts is right":                             firingCounted,
	"a page is acknowledged and resolved only while it is":            pagesInOrder,
	"a tick leaves nothing due and is idempotent":                     tickSettles,
}

func (m move) check() error {
	for name, holds := range invariants {
		if err := holds(m); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (m move) has(typ EventType) bool {
	return slices.ContainsFunc(m.events, func(e Event) bool { return e.Type == typ })
}

func quorumBehindEverything(m move) error {
	now := m.ballots.after(m)
	for _, ev := range m.events {
		if ev.Type != EvRunQueued && ev.Type != EvRunStarted && ev.Type != EvStepStarted {
			continue
		}
		r, ok := m.after.Run(ev.Run)
		if !ok {
			r, ok = m.before.Run(ev.Run)
		}
		p, found := m.after.Proposal(ev.Proposal)
		if !ok || !found {
			return fmt.Errorf("%s of %s has no run or no proposal", ev.Type, ev.Run)
		}
		if Digest(r.Plan) != r.Digest || ev.Digest != r.Digest {
			return fmt.Errorf("%s has digest %s", ev.Run, r.Digest)
		}
		plan, err := DecodePlan(r.Plan)
		if err != nil {
			return err
		}
		n := 0
		for who, digest := range now[p.ID] {
			if digest == r.Digest && who != p.Requester.Person.ID && who != "eve" {
				n++
			}
		}
		if n < plan.Policy.Needed() {
			return fmt.Errorf("%s of %s with %d of %d approvals", ev.Type, ev.Run, n, plan.Policy.Needed())
		}
		if old, _ := m.before.Proposal(p.ID); ev.Type == EvRunQueued && !m.now.Before(old.ExpiresAt) {
			return fmt.Errorf("%s queued after the expiry", ev.Run)
		}
		if ev.Type == EvRunStarted && !m.now.Before(p.DecidedAt.Add(p.Policy.Lasts())) {
			return fmt.Errorf("%s started on an approval of %s", ev.Run, p.DecidedAt)
		}
	}
	return nil
}

func attemptsInOrder(m move) error {
	for _, r := range m.after.Runs {
		old, existed := m.before.Run(r.ID)
		for i, s := range r.Steps {
			var was RunStep
			if existed {
				was = old.Steps[i]
			}
			switch {
			case s.Attempt == was.Attempt:
			case s.Attempt != was.Attempt+1 || s.State != StepStarted:
				return fmt.Errorf("step %d of %s went from attempt %d to %d (%s)", i+1, r.ID, was.Attempt, s.Attempt, s.State)
			case was.Attempt > 0 && was.State != StepPending:
				if end, ok := m.cmd.(EndStep); ok && end.State == StepFailed && s.HarderFrom == s.Attempt {
					continue // an operator had asked for another form before it failed
				}
				if retry, ok := m.cmd.(RetryStep); !ok || retry.Attempt != was.Attempt {
					return fmt.Errorf("step %d of %s began again after %s by %T", i+1, r.ID, was.State, m.cmd)
				}
			}
		}
	}
	return nil
}

func epochsRise(m move) error {
	for _, r := range m.after.Runs {
		if old, ok := m.before.Run(r.ID); ok && r.Epoch < old.Epoch {
			return fmt.Errorf("%s went from epoch %d to %d", r.ID, old.Epoch, r.Epoch)
		}
	}
	sub := m.cmd.Subject()
	if r, ok := m.before.Run(sub.Run); ok && sub.Epoch < r.Epoch && (m.answer.Code != CodeConflict || !same(m.before, m.after)) {
		return fmt.Errorf("epoch %d of %s is answered %s under epoch %d", sub.Epoch, r.ID, m.answer.Code, r.Epoch)
	}
	return nil
}

func noSilentChange(m move) error {
	if _, memo := m.cmd.(NoteMemo); memo || len(m.events) > 0 || same(m.before, m.after) {
		return nil
	}
	return fmt.Errorf("%T changed the state and said nothing", m.cmd)
}

func decidedStays(m move) error {
	for _, p := range m.before.Proposals {
		now, ok := m.after.Proposal(p.ID)
		switch {
		case !ok:
			return fmt.Errorf("%s is gone", p.ID)
		case (p.State == ProposalDenied || p.State == ProposalWithdrawn) && !same(p, now):
			return fmt.Errorf("%s was %s and changed", p.ID, p.State)
		case p.State == ProposalApproved && now.State != ProposalApproved && !m.has(EvRunVoided):
			return fmt.Errorf("%s was approved and is %s", p.ID, now.State)
		}
	}
	for _, r := range m.before.Runs {
		if now, ok := m.after.Run(r.ID); !ok || r.State.Terminal() && !same(r, now) {
			return fmt.Errorf("%s was %s and changed", r.ID, r.State)
		}
	}
	return nil
}

func nothingAfterTheEnd(m move) error {
	for _, ev := range m.events {
		if ev.Type != EvStepStarted {
			continue
		}
		before, _ := m.before.Run(ev.Run)
		after, _ := m.after.Run(ev.Run)
		if before.State.Terminal() || after.State != RunRunning {
			return fmt.Errorf("%s: step %d began while it was %s", ev.Run, ev.StepN, before.State)
		}
		for i := range row(after, ev) {
			if s := after.Steps[i].State; s != StepDone && s != StepSkipped && after.At(i).N != ev.StepN {
				return fmt.Errorf("%s: step %d began while step %d is %s", ev.Run, ev.StepN, i+1, s)
			}
		}
	}
	return nil
}

func wordCounts(m move) error {
	for _, ev := range m.events {
		if ev.Type != EvStepDone || ev.Actor.Door == DoorEngine {
			continue
		}
		before, _ := m.before.Run(ev.Run)
		owner := before.Steps[row(before, ev)].Duty.Owner
		if who := ev.Actor.Person; !who.Has("dba") && (owner == "" || !who.Has(owner) || before.State != RunWaiting) {
			return fmt.Errorf("%s ended step %d of %s", ev.Actor, ev.StepN, ev.Run)
		}
	}
	return nil
}

// chasedInOrder: told again only when it is late, and paged for it only after that.
func chasedInOrder(m move) error {
	for _, r := range m.after.Runs {
		old, existed := m.before.Run(r.ID)
		for i, s := range r.Steps {
			if !existed {
				continue
			}
			was := old.Steps[i].Duty
			if s.Duty.Late && !was.Late && (!m.has(EvStepOverdue) || was.Due.After(m.now) || s.Duty.PageAt.IsZero()) {
				return fmt.Errorf("step %d of %s is late at %s, due %s", i+1, r.ID, m.now, was.Due)
			}
			if s.Duty.Late && s.Duty.PageAt.IsZero() && !was.PageAt.IsZero() && !m.has(EvPageTriggered) {
				return fmt.Errorf("step %d of %s: nobody was paged", i+1, r.ID)
			}
		}
	}
	return nil
}

func parkedPages(m move) error {
	for _, r := range m.after.Runs { // an exercise wakes nobody while nothing fires
		if old, ok := m.before.Run(r.ID); ok && r.State == RunParked && old.State != RunParked && r.Mode == ModeDrill && !m.after.Incident.Burning() {
			if m.has(EvPageTriggered) {
				return fmt.Errorf("a drill paged")
			}
			return nil
		}
	}
	if m.has(EvRunParked) && (!m.has(EvPageTriggered) || m.after.Incident.Page != PageTriggered) {
		return fmt.Errorf("parked with page %q", m.after.Incident.Page)
	}
	return nil
}

func readable(m move) error {
	if m.answer.Code == "" || m.answer.Text == "" && m.cmd != nil {
		return fmt.Errorf("the answer to %T is %+v", m.cmd, m.answer)
	}
	for _, ev := range m.events {
		if _, apart := m.cmd.(Protect); ev.Text == "" || ev.Type == "" || (ev.Incident == "") != apart || !ev.At.Equal(m.now) || ev.Actor.String() == "" {
			return fmt.Errorf("event %+v", ev)
		}
	}
	return nil
}

func resolvedIsQuiet(m move) error {
	inc := m.after.Incident
	if inc.State != IncidentResolved {
		return nil
	}
	if r, open := m.after.OpenRun(); open {
		return fmt.Errorf("%s is %s", r.ID, r.State)
	}
	for _, p := range m.after.Proposals {
		if p.Open() || p.State == ProposalExpired {
			return fmt.Errorf("%s is %s", p.ID, p.State)
		}
	}
	if inc.Firing != 0 || !m.after.Due().IsZero() || inc.Page == PageTriggered || inc.Page == PageAcknowledged {
		return fmt.Errorf("%d firing, due %s, page %q", inc.Firing, m.after.Due(), inc.Page)
	}
	return nil
}

func oneRunPerTarget(m move) error {
	held := map[string]string{}
	for _, l := range m.after.Locks {
		held[l.Target] = l.Run
	}
	for _, r := range m.after.Runs {
		if r.Holds && !r.State.Terminal() {
			if other := held[r.Target.Key()]; other != "" {
				return fmt.Errorf("%s and %s both hold %s", other, r.ID, r.Target.Key())
			}
			held[r.Target.Key()] = r.ID
		}
	}
	return nil
}

func votesMatch(m move) error {
	for _, p := range m.after.Proposals {
		if p.State != ProposalReady && p.State != ProposalApproved {
			continue
		}
		if Digest(p.Plan) != p.Digest {
			return fmt.Errorf("%s: the digest is not the plan's", p.ID)
		}
		var seen []string
		for _, v := range p.Votes {
			if v.Digest != p.Digest || v.Verdict == Approve && slices.Contains(seen, v.Person.ID) {
				return fmt.Errorf("%s: vote of %s for %s", p.ID, v.Person.ID, ShortDigest(v.Digest))
			}
			seen = append(seen, v.Person.ID)
		}
		if p.State == ProposalReady && (p.Policy.Count(p.Approvers()).Met || len(Refusals(p.Facts)) > 0) {
			return fmt.Errorf("%s is ready with %s and %d refusals", p.ID, p.Policy.Count(p.Approvers()), len(Refusals(p.Facts)))
		}
	}
	return nil
}

func runsHaveApproval(m move) error {
	for _, r := range m.after.Runs {
		p, ok := m.after.Proposal(r.Proposal)
		if !r.State.Terminal() && (!ok || p.State != ProposalApproved || p.Run != r.ID || p.Digest != r.Digest) {
			return fmt.Errorf("%s is %s and its proposal %s", r.ID, r.State, p.State)
		}
	}
	return nil
}

func firingCounted(m move) error {
	n := 0
	for _, a := range m.after.Alerts {
		if a.Status == AlertFiring {
			n++
		}
	}
	if m.after.Incident.Firing != n {
		return fmt.Errorf("%d counted, %d fire", m.after.Incident.Firing, n)
	}
	return nil
}

func pagesInOrder(m move) error {
	page := m.before.Incident.Page
	for _, ev := range m.events {
		switch ev.Type {
		case EvPageTriggered:
			page = PageTriggered
		case EvPageAcknowledged:
			if page != PageTriggered {
				return fmt.Errorf("acknowledged while %q", page)
			}
			page = PageAcknowledged
		case EvPageResolved:
			if page != PageTriggered && page != PageAcknowledged {
				return fmt.Errorf("resolved while %q", page)
			}
			page = PageResolved
		}
	}
	if page != m.after.Incident.Page {
		return fmt.Errorf("the events leave it %q, the incident says %q", page, m.after.Incident.Page)
	}
	return nil
}

func tickSettles(m move) error {
	if _, ok := m.cmd.(Tick); !ok {
		return nil
	}
	if due := m.after.Due(); !due.IsZero() && !due.After(m.now) {
		return fmt.Errorf("still due at %s, now %s", due, m.now)
	}
	again, events, _ := Decide(m.after, m.cmd, m.now)
	if len(events) > 0 || !same(again, m.after) {
		return fmt.Errorf("a second tick says %d event(s)", len(events))
	}
	return nil
}

// stored is the state as a store gives it back: every noun as its own JSON document.
func stored(s State) (State, error) {
	out := State{Alerts: s.Alerts, Locks: s.Locks}
	for _, p := range s.Protections {
		var q Protection
		if err := copied(p, &q); err != nil {
			return out, err
		}
		out.Protections = append(out.Protections, q)
	}
	if err := copied(s.Incident, &out.Incident); err != nil {
		return out, err
	}
	for _, p := range s.Proposals {
		var q Proposal
		if err := copied(p, &q); err != nil {
			return out, err
		}
		out.Proposals = append(out.Proposals, q)
	}
	for _, r := range s.Runs {
		var q Run
		if err := copied(r, &q); err != nil {
			return out, err
		}
		out.Runs = append(out.Runs, q)
	}
	return out, nil
}

func copied[T any](from T, to *T) error {
	b, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, to)
}

func same(a, b any) bool { return reflect.DeepEqual(a, b) }
