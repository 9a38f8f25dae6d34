package pointsman

import (
	"slices"
	"time"
)

// ProposalState is where a proposal stands.
type ProposalState string

// The states of a proposal. The table in states.go says which event leads where.
const (
	// ProposalChecking: the plan is being resolved and its checks run; entered at the request and at each refresh.
	ProposalChecking ProposalState = "checking"
	// ProposalReady: plan, digest and evidence are there and votes are taken.
	ProposalReady ProposalState = "ready"
	// ProposalRefused: a guard stands in the way; a refresh may clear it.
	ProposalRefused ProposalState = "refused"
	// ProposalApproved: the quorum is complete and its run was queued in the same transaction.
	ProposalApproved ProposalState = "approved"
	// ProposalDenied: somebody eligible said no; final.
	ProposalDenied ProposalState = "denied"
	// ProposalExpired: nobody completed the quorum in time. Expired is not denied: it may be asked again.
	ProposalExpired ProposalState = "expired"
	// ProposalWithdrawn: its alerts resolved, or another proposal of the incident was carried out.
	ProposalWithdrawn ProposalState = "withdrawn"
)

// Proposal is one runbook offered for an incident, with the plan and the evidence it rests on. IDs read INC-7/P1.
type Proposal struct {
	ID          string            `json:"id"`
	Runbook     string            `json:"runbook"`
	Title       string            `json:"title,omitempty"`
	Target      Target            `json:"target,omitzero"`
	Params      map[string]string `json:"params,omitempty"`
	Mode        Mode              `json:"mode,omitempty"`
	Problem     string            `json:"problem,omitempty"` // why no plan can be made: "label cluster=x selects no target"
	Priority    int               `json:"priority"`
	State       ProposalState     `json:"state"`
	Requester   Actor             `json:"requester"`
	Reason      string            `json:"reason,omitempty"`
	RequestedAt time.Time         `json:"requested_at"`
	Generation  int               `json:"generation"` // rises with every refresh; an answer to an older one is dropped

	Plan      []byte    `json:"plan,omitempty"` // exact bytes; Digest is their SHA-256
	Digest    string    `json:"digest,omitempty"`
	Policy    Policy    `json:"policy,omitzero"`
	Facts     []Fact    `json:"facts,omitempty"` // as last measured
	CheckedAt time.Time `json:"checked_at,omitzero"`
	Already   string    `json:"already,omitempty"` // the effect holds without us, and who caused it
	Changed   []string  `json:"changed,omitempty"` // what differs from the plan that lost its votes

	Votes     []Vote    `json:"votes,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	Run       string    `json:"run,omitempty"` // the run its approval queued
	DecidedBy string    `json:"decided_by,omitempty"`
	DecidedAt time.Time `json:"decided_at,omitzero"`
	Eligible  []string  `json:"eligible,omitempty"` // names of the people who may approve, as configured when it was asked
}

// Verdict is a voter's word.
type Verdict string

// The verdicts.
const (
	Approve Verdict = "approve"
	Deny    Verdict = "deny"
)

// Vote is one person's decision on one digest, with the facts that were shown to them.
type Vote struct {
	Person  Person    `json:"person"`
	Door    Door      `json:"door"`
	Ref     string    `json:"ref,omitempty"`
	Verdict Verdict   `json:"verdict"`
	Reason  string    `json:"reason,omitempty"`
	Digest  string    `json:"digest"`
	Mark    string    `json:"mark,omitempty"` // for a gate: step and attempt, "3.1"
	At      time.Time `json:"at"`
	Shown   time.Time `json:"shown,omitzero"` // when the evidence that the voter saw was measured
}

// lapsed reports whether its time is over: that of the request, or that of its oldest vote, which is longer unless the clock
// by which the request was made was ahead of this one. No vote counts for longer than an approval lasts.
func (p Proposal) lapsed(now time.Time) bool {
	return !now.Before(p.ExpiresAt) || len(p.Votes) > 0 && now.Sub(p.Votes[0].At) >= p.Policy.Lasts()
}

// Open reports whether the proposal can still lead to a run.
func (p Proposal) Open() bool {
	return p.State == ProposalChecking || p.State == ProposalReady || p.State == ProposalRefused
}

// Ranked returns the proposals in the order in which a person should look at them: what runs now or was decided,
// then what could run, then what is still checked, then what may be asked again, then what a guard refuses; by priority
// within each.
func Ranked(in []Proposal) []Proposal {
	out := append([]Proposal(nil), in...)
	sortStable(out, func(a, b Proposal) bool {
		if ra, rb := rank(a), rank(b); ra != rb {
			return ra < rb
		}
		return a.Priority < b.Priority
	})
	return out
}

// Shown returns the proposals as the incident's card shows them, which is what a person means by the incident's name: as
// ranked, but an approval whose run has ended makes room for what can still be done.
func (s State) Shown() []Proposal {
	out := Ranked(s.Proposals)
	over := func(p Proposal) int {
		r, ok := s.Run(p.Run)
		if p.State == ProposalApproved && ok && r.State.Terminal() && len(r.Left) == 0 { // what is left by hand is looked at first
			return 1
		}
		if !p.Open() && p.State != ProposalApproved && p.State != ProposalExpired { // that one may be asked again
			return 2
		}
		return 0
	}
	slices.SortStableFunc(out, func(a, b Proposal) int { return over(a) - over(b) })
	// Of those that ended, the youngest tells most.
	if n := slices.IndexFunc(out, func(p Proposal) bool { return over(p) == 2 }); n >= 0 {
		slices.SortStableFunc(out[n:], func(a, b Proposal) int { return b.RequestedAt.Compare(a.RequestedAt) })
	}
	return out
}

func rank(p Proposal) int {
	switch {
	case p.State == ProposalApproved:
		return 0
	case p.State == ProposalReady && p.Already == "":
		return 1
	case p.State == ProposalReady:
		return 2
	case p.State == ProposalChecking:
		return 3
	case p.State == ProposalExpired:
		return 4
	case p.State == ProposalRefused:
		return 5
	}
	return 6
}
