package pointsman

import "time"

// GuardKind says who may override a guard.
type GuardKind string

// The kinds of guards. A HARD guard has no override in chat, an ACK guard needs one more approver who accepts the
// exact figure, a WARN guard only warns.
const (
	Hard GuardKind = "HARD"
	Ack  GuardKind = "ACK"
	Warn GuardKind = "WARN"
)

// FactResult is what a measured fact means for the plan.
type FactResult string

// The results. Unknown is never success: it counts like Fail for its kind of guard.
const (
	Pass    FactResult = "pass"
	Fail    FactResult = "fail"
	Unknown FactResult = "unknown"
	Later   FactResult = "later" // not due yet; will be checked before its step
)

// Fact is one line of evidence: what was measured, where, when, and against which limit.
type Fact struct {
	Guard   string     `json:"guard,omitempty"` // "G5" of the guard list; empty for plain information
	Kind    GuardKind  `json:"kind,omitempty"`
	Name    string     `json:"name"`             // "pg-2 replay lag"
	Value   string     `json:"value"`            // "48 MB"
	Limit   string     `json:"limit,omitempty"`  // "16 MB"
	Source  string     `json:"source,omitempty"` // "pg-2: pg_stat_wal_receiver"
	At      time.Time  `json:"at,omitzero"`      // when it was measured; a card never shows a fact without its age
	Result  FactResult `json:"result"`
	Text    string     `json:"text,omitempty"`    // one sentence with the number and the limit, for a refusal or a note
	Clears  string     `json:"clears,omitempty"`  // what would clear it
	BeforeN int        `json:"before,omitempty"`  // for Later: the number (from 1) of the step before which it is checked
	Excess  *Excess    `json:"excess,omitempty"`  // set where the refusal is only that it is more than was approved
	Measure *float64   `json:"measure,omitempty"` // the value as a number, where an accepted bound can be compared with it
}

// Refuses reports whether the fact stands in the way: a HARD guard that is not passed.
func (f Fact) Refuses() bool {
	return f.Kind == Hard && (f.Result == Fail || f.Result == Unknown)
}

// NeedsAcknowledgement reports whether one more approver must accept the fact.
func (f Fact) NeedsAcknowledgement() bool {
	return f.Kind == Ack && (f.Result == Fail || f.Result == Unknown)
}

// Key names the fact across measurements: the guard and what it looks at.
func (f Fact) Key() string { return f.Guard + " " + f.Name }

// Sentence is the fact as one line for a person: its own text, or name, value and limit.
func (f Fact) Sentence() string {
	if f.Text != "" {
		return f.Text
	}
	s := f.Name + ": " + f.Value
	if bar := f.Bar(); bar != "" {
		s += ", " + bar
	}
	return s
}

// Bar is what the value is held against, in words: "limit 16 MB" for a figure, "wanted: at least 2" for anything else.
func (f Fact) Bar() string {
	switch {
	case f.Limit == "":
		return ""
	case f.Limit[0] >= '0' && f.Limit[0] <= '9':
		return "limit " + f.Limit
	}
	return "wanted: " + f.Limit
}

// Evidence is what a Check or a Verify found.
type Evidence struct {
	Facts []Fact `json:"facts,omitempty"`
	// Already says that the effect holds without us, AlreadyBy who caused it as far as it can be told.
	Already   bool   `json:"already,omitempty"`
	AlreadyBy string `json:"already_by,omitempty"`
	// Pins are values the check chose and the plan fixes, such as candidate=pg-2.
	Pins map[string]string `json:"pins,omitempty"`
	// Bounds are the figures a person accepts by approving, such as "lost_bytes" <= 213792.
	Bounds []Bound `json:"bounds,omitempty"`
	// Holds answers Verify: the effect was seen to hold.
	Holds bool `json:"holds,omitempty"`
}

// Bound is an upper limit that an approval accepts. A later measurement above it voids the approval.
type Bound struct {
	Name string  `json:"name"`
	Max  float64 `json:"max"`
	Text string  `json:"text"` // "loss <= 213,792 B"
}

// Refusals are the facts that stand in the way, in order.
func Refusals(facts []Fact) []Fact {
	var out []Fact
	for _, f := range facts {
		if f.Refuses() {
			out = append(out, f)
		}
	}
	return out
}

// Acknowledgements are the facts that one more approver must accept, in order.
func Acknowledgements(facts []Fact) []Fact {
	var out []Fact
	for _, f := range facts {
		if f.NeedsAcknowledgement() {
			out = append(out, f)
		}
	}
	return out
}
