package pointsman

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Target names a configured thing that a run changes. Its key is what a run locks.
type Target struct {
	Kind        string `json:"kind"` // "postgres", "killswitch", "service"
	Name        string `json:"name"`
	Environment string `json:"environment,omitempty"`
}

// Key is the lock key: "postgres/orders".
func (t Target) Key() string {
	if t.Kind == "" && t.Name == "" {
		return ""
	}
	return t.Kind + "/" + t.Name
}

// Where is the target with its environment, in which a mistake shows first: "postgres/orders (production)".
func (t Target) Where() string {
	if t.Environment == "" {
		return t.Key()
	}
	return t.Key() + " (" + t.Environment + ")"
}

// Plan is a runbook resolved for one incident: concrete steps, chosen candidate, parameters, policy and the bounds a
// person accepts. It never contains measured values or times, so that the same situation yields the same digest.
type Plan struct {
	Version       int               `json:"version"`
	Runbook       string            `json:"runbook"`
	RunbookDigest string            `json:"runbook_digest"`
	ConfigDigest  string            `json:"config_digest,omitempty"`
	Title         string            `json:"title"`
	Incident      string            `json:"incident"`
	Target        Target            `json:"target,omitzero"`
	Mode          Mode              `json:"mode,omitempty"`
	Lock          bool              `json:"lock"`
	Exempt        bool              `json:"exempt,omitempty"`  // it only stops things, so no lock and no freeze of a person stands in its way
	Rejoins       bool              `json:"rejoins,omitempty"` // it brings the former node back after a failover
	Params        map[string]string `json:"params,omitempty"`
	Pins          map[string]string `json:"pins,omitempty"`
	Steps         []PlanStep        `json:"steps"`
	Bounds        []Bound           `json:"bounds,omitempty"`
	Acknowledge   []string          `json:"acknowledge,omitempty"` // the risks that one more approver accepts, as sentences
	// Accepted names the guards behind Acknowledge ("G2 vantage points"): at the start another one voids the approval.
	Accepted []string `json:"accepted,omitempty"`
	// Figures are the accepted guards' figures, where they have one: a greater one voids the approval, too.
	Figures   map[string]float64 `json:"figures,omitempty"`
	Policy    Policy             `json:"policy"`
	Objective Objective          `json:"objective,omitzero"`
	// Deadline is how long after its start the run may still begin steps; zero for no limit.
	Deadline time.Duration `json:"deadline,omitempty"`
	Reason   string        `json:"reason,omitempty"`
}

// PlanStep is one concrete step.
type PlanStep struct {
	Name         string          `json:"name"`
	Kind         string          `json:"kind"`
	With         json.RawMessage `json:"with,omitempty"`
	Timeout      time.Duration   `json:"timeout"`
	Irreversible bool            `json:"irreversible,omitempty"`
	When         *Condition      `json:"when,omitempty"`
	Approval     Policy          `json:"approval,omitzero"` // for kind gate
	Summary      string          `json:"summary"`           // what it will do, as a person reads it: "promote pg-2 to primary"
	// SkipBy are the roles that may leave the step out with a reason; empty where nobody may.
	SkipBy []string `json:"skip_by,omitempty"`
	// ByHand are the exact commands with which a person does the step without us.
	ByHand []string `json:"by_hand,omitempty"`
	// Undo: the kind can undo what it did. UndoByHand are the commands with which a person does.
	Undo       bool     `json:"undo,omitempty"`
	UndoByHand []string `json:"undo_by_hand,omitempty"`
	// Ungraceful is the harder form of the step, done from an operator's word on.
	Ungraceful *Form `json:"ungraceful,omitempty"`
	// Group is whose member the step is; its neighbours of the same group are at work at the same time.
	Group Group `json:"group,omitzero"`
}

// Form is another way of doing a step: the whole arguments, and what it will do as a person reads it.
type Form struct {
	With    json.RawMessage `json:"with"`
	Summary string          `json:"summary"`
}

// Encode returns the plan's bytes. They are stored and hashed as they are; nobody re-encodes to verify.
func (p Plan) Encode() ([]byte, error) {
	b, err := json.Marshal(p) // map keys are sorted, struct fields are in order: the same plan gives the same bytes
	if err != nil {
		return nil, fmt.Errorf("encode plan of %s: %w", p.Runbook, err)
	}
	return b, nil
}

// DecodePlan reads stored plan bytes.
func DecodePlan(b []byte) (Plan, error) {
	var p Plan
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Plan{}, fmt.Errorf("this plan cannot be read, was it made by a newer pointsman? %w", err)
	}
	return p, nil
}

// Digest is the SHA-256 of the plan's stored bytes in hex. The full digest binds an approval to what runs.
func Digest(plan []byte) string {
	sum := sha256.Sum256(plan)
	return hex.EncodeToString(sum[:])
}

// ShortDigest is the first 12 hex digits, which people see on the card, in the approval and in the log.
func ShortDigest(digest string) string {
	if len(digest) > 12 {
		return digest[:12]
	}
	return digest
}

// Bound returns the accepted upper limit with the name.
func (p Plan) Bound(name string) (Bound, bool) {
	for _, b := range p.Bounds {
		if b.Name == name {
			return b, true
		}
	}
	return Bound{}, false
}
