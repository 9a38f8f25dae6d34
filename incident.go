package pointsman

import (
	"fmt"
	"time"
)

// IncidentState is where an incident stands.
type IncidentState string

// The states of an incident.
const (
	// IncidentOpen begins with the first alert or a person's request and ends when every alert is resolved and no run is open.
	IncidentOpen IncidentState = "open"
	// IncidentResolved lasts; an alert of the same key within ReopenWithin opens the incident again.
	IncidentResolved IncidentState = "resolved"
)

// ReopenWithin is how long after its resolution an incident takes back an alert of its key.
const ReopenWithin = 30 * time.Minute

// Incident is one outage as people speak of it: INC-7.
type Incident struct {
	ID         string        `json:"id"`
	Key        string        `json:"key"` // what makes alerts one incident: "target:postgres/orders"
	Title      string        `json:"title"`
	Severity   string        `json:"severity,omitempty"`
	Target     Target        `json:"target,omitzero"`
	State      IncidentState `json:"state"`
	OpenedBy   Actor         `json:"opened_by"`
	OpenedAt   time.Time     `json:"opened_at"`
	ResolvedAt time.Time     `json:"resolved_at,omitzero"`
	// OpenedAgainAt is when it was last reopened; zero if it never was.
	OpenedAgainAt time.Time     `json:"opened_again_at,omitzero"`
	Firing        int           `json:"firing"` // alerts that fire now
	Total         int           `json:"total"`  // alerts ever seen, distinct by fingerprint and start
	Truncated     int           `json:"truncated,omitempty"`
	Cut           bool          `json:"cut,omitempty"` // there were more alerts than we read
	Reopened      int           `json:"reopened,omitempty"`
	First         Alert         `json:"first,omitzero"` // the alert that opened it, or the first that joined it
	Proposals     int           `json:"proposals"`      // numbers given out
	RunCount      int           `json:"run_count"`
	UpdateEvery   time.Duration `json:"update_every,omitempty"`
	NextUpdate    time.Time     `json:"next_update,omitzero"`
	Updates       int           `json:"updates,omitempty"`
	Escalate      Escalation    `json:"escalate,omitzero"`
	EscalateAt    time.Time     `json:"escalate_at,omitzero"` // zero: nothing to escalate, or done
	Page          PageState     `json:"page,omitempty"`
	Pages         []Page        `json:"pages,omitempty"`    // raised and not resolved; empty for page 1 alone, at the service of Escalate
	Paged         int           `json:"paged,omitempty"`    // numbers of pages given out, from the second on
	Alarm         string        `json:"alarm,omitempty"`    // what a watch sees and nobody has ended; the incident stays open
	Reported      string        `json:"reported,omitempty"` // the last note of a watch
	Marks         Marks         `json:"marks,omitzero"`
}

// Since is when the incident was opened last.
func (i Incident) Since() time.Time {
	if i.OpenedAgainAt.IsZero() {
		return i.OpenedAt
	}
	return i.OpenedAgainAt
}

// Burning reports whether something still asks for the incident: an alert that fires, or a watch that sees it.
func (i Incident) Burning() bool { return i.Firing > 0 || i.Alarm != "" }

// Marks are the moments from which the summary's durations come: who was waited for, and how long.
type Marks struct {
	Alerted  time.Time `json:"alerted,omitzero"`  // the first alert's own startsAt
	Proposed time.Time `json:"proposed,omitzero"` // the first proposal was ready
	Approved time.Time `json:"approved,omitzero"` // the quorum of the last run was complete
	Started  time.Time `json:"started,omitzero"`  // its first step began
	Ended    time.Time `json:"ended,omitzero"`    // the run ended
}

// State is everything that one command may read and change: one incident with its proposals and runs.
type State struct {
	Incident  Incident
	Alerts    []Alert // only those that the command speaks of, as stored
	Proposals []Proposal
	Runs      []Run
	Locks     []Lock // targets held by runs of other incidents
	// Protections of the targets that the proposals name, and of everything.
	Protections []Protection
}

// Lock is a target held by an open run.
type Lock struct {
	Target   string
	Incident string
	Run      string
	Since    time.Time
}

// Sentence says which run holds what, since when, and what ends it.
func (l Lock) Sentence() string {
	since := ""
	if !l.Since.IsZero() {
		since = " since " + Moment(l.Since)
	}
	return fmt.Sprintf("%s is held by %s%s; it is free when that run ends, or when somebody aborts it", l.Target, l.Run, since)
}

// Proposal finds a proposal by id.
func (s State) Proposal(id string) (Proposal, bool) {
	for _, p := range s.Proposals {
		if p.ID == id {
			return p, true
		}
	}
	return Proposal{}, false
}

// Run finds a run by id.
func (s State) Run(id string) (Run, bool) {
	for _, r := range s.Runs {
		if r.ID == id {
			return r, true
		}
	}
	return Run{}, false
}

// OpenRun is the run that is not at its end, if there is one. An incident has at most one that holds a lock; a
// kill-switch run may be open beside it and is returned only when it is alone.
func (s State) OpenRun() (Run, bool) {
	var found Run
	var ok bool
	for _, r := range s.Runs {
		if r.State.Terminal() {
			continue
		}
		if !ok || r.Holds {
			found, ok = r, true
		}
	}
	return found, ok
}

// Due is the next moment at which a Tick would change something; zero if there is none.
func (s State) Due() time.Time {
	var due time.Time
	soonest := func(t time.Time) {
		if !t.IsZero() && (due.IsZero() || t.Before(due)) {
			due = t
		}
	}
	if s.Incident.State == IncidentOpen {
		if s.Incident.UpdateEvery > 0 {
			soonest(s.Incident.NextUpdate)
		}
		soonest(s.Incident.EscalateAt)
	}
	for _, r := range s.Runs {
		if r.State == RunWaiting {
			soonest(r.Until)
		}
		if i, owed := r.owed(); owed {
			soonest(r.Steps[i].Duty.next())
			soonest(r.Steps[i].Gate.next())
		}
	}
	for _, p := range s.Proposals {
		if p.State == ProposalReady {
			soonest(p.ExpiresAt)
		}
		if s.Incident.State == IncidentOpen && !s.Incident.Burning() {
			soonest(p.lapses())
		}
	}
	return due
}
