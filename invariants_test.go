package pointsman

import (
	"encoding/json"
	"fmt"
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
		if ev.Type == EvVotesVoided && ev.StepN > 0 {
			out.leave(m, ev)
			continue
		}
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
	"nothing begins beside an alarm unless a person says so":          alarmsHeeded,
	"fencing tokens rise with every lock":                             tokensRise,
	"I12 nothing begins in a run that is not running":                 nothingAfterTheEnd,
	"I12 nothing begins after a decision to halt":                     nothingAfterAHalt,
	"a paused run stands and keeps its lock":                          pausedStands,
	"an abort does what was foretold":                                 foretold,
	"what is undone is undone once, before the return":                undoneOnce,
	"an undoing that is held back stands until a person decides":      heldUndoStands,
	"what may have been touched is remembered":                        touchedStays,
	"a step is skipped only by right":                                 skippedByRight,
	"every decision on a run is told":                                 steeringIsTold,
	"nothing begins after the deadline":                               nothingAfterTheDeadline,
	"a run of alerts begins only while something fires":               beginsWhileItBurns,
	"a member begins only beside good ones, and only so many at once": membersInOrder,
	"I13 a parked run pages":                                          parkedPages,
	"more than was approved is accepted by one more, exactly":         grantedByRight,
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
			_, lost := m.cmd.(LoseEnd)
			switch {
			case s.Attempt == was.Attempt:
			case lost && s.State == StepUnknown && s.Attempt == 1: // it may have begun
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

func pagesInOrder(m move) error {
	before, after := m.before.Incident, m.after.Incident
	page, raised, last := before.Page, slices.Clone(before.raised()), before.lastPage()
	for _, ev := range m.events {
		about := pagesOf(ev)
		switch ev.Type {
		case EvPageTriggered:
			if len(about) != 1 || about[0].N <= last || about[0].Service != after.Escalate.Service {
				return fmt.Errorf("page %v of service %q is raised after number %d", about, after.Escalate.Service, last)
			}
			page, raised, last = PageTriggered, append(raised, about[0]), about[0].N
			continue
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
		default:
			continue
		}
		if !slices.Equal(about, raised) {
			return fmt.Errorf("%s reaches %v of the pages %v", ev.Type, about, raised)
		}
		if page == PageResolved {
			raised = nil
		}
	}
	if _, lost := m.cmd.(LoseEnd); lost {
		last = max(last, after.lastPage()) // numbers leap
	}
	if page != after.Page || last != after.lastPage() || !slices.Equal(raised, after.raised()) {
		return fmt.Errorf("the events leave it %q with %v, the last %d; the incident says %q with %v, %d", page, raised, last, after.Page, after.raised(), after.lastPage())
	}
	return nil
}

// pagesOf reads the event as the way out does.
func pagesOf(ev Event) []Page {
	var p paging
	if json.Unmarshal(ev.Data, &p) == nil && len(p.Pages) == 0 {
		return []Page{{N: 1, Service: p.Service}}
	}
	return p.Pages
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
