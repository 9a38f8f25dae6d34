package pointsman

import "time"

// Runbook is a procedure as its file states it: plain data with line numbers, checked by the rooms that know the
// words in it (matchers in alerts, kinds in actions, cadences in comms).
type Runbook struct {
	Name        string        // the file's name without its ending; stored, so never renamed lightly
	Title       string        // what a person reads
	Description string        // one or two sentences: when to use it and what it does
	Owner       string        // who keeps it right
	Review      time.Time     // the next review; a runbook past it carries a warning
	Objective   Objective     // what it promises
	Answers     []AnswerTo    // the alerts it answers
	Params      []Param       // typed parameters
	Target      string        // the parameter that names the target, hence the lock; empty for none
	Deadline    time.Duration // how long after its start a run may still begin steps; zero for no limit
	Modes       []Mode        // what it may be run for; see Permitted
	Lock        bool          // whether a run holds the target's lock (kill switches must not)
	Rejoins     bool          // it brings the former node back after a failover
	Priority    int           // order among runbooks that all could run; lower comes first
	Steps       []RunbookStep // in order; members of a group one after the other
	Approval    Policy
	Comms       Cadence
	Escalation  Escalation
	File        string
	Line        int
	Digest      string // SHA-256 of the file, hex
}

// PathOf is where step i stands in the file: steps[2], or steps[2].parallel[0] for the first member of a group.
func (r Runbook) PathOf(i int) string {
	at := Places(r.Steps)[i]
	path := "steps[" + itoa(at.N-1) + "]"
	if at.Member > 0 {
		path += ".parallel[" + itoa(at.Member-1) + "]"
	}
	return path
}

// Objective is a promised recovery time and loss. Zero means that nothing is promised.
type Objective struct {
	RTO time.Duration `json:"rto,omitempty"`
	RPO time.Duration `json:"rpo,omitempty"`
}

// AnswerTo is one set of Alertmanager matchers, all of which must hold, as written: `alertname="PrimaryDown"`.
type AnswerTo struct {
	Matchers []string
	Line     int
}

// Param is a typed parameter. A label may only select among configured values, so the types are closed: "target"
// (a configured target of Kind), "enum" (one of Values), "duration", "int".
type Param struct {
	Name    string
	Type    string
	Kind    string   // for type target: the kind of target
	Values  []string // for type enum
	Labels  []string // labels that may select the value, tried in order
	Default string
	Line    int
}

// RunbookStep is one step: a kind of action and its arguments.
type RunbookStep struct {
	Name         string
	Kind         string
	With         map[string]any // values may contain ${param} references
	Timeout      time.Duration
	Irreversible bool           // the point of no return
	When         *Condition     // whether it is carried out at all; nil for always
	Approval     Policy         // for kind gate: who lets the run go on
	Ungraceful   map[string]any // arguments of the harder form, laid over With; an operator switches to it
	SkipBy       []string       // roles that may leave it out with a reason; never set where Irreversible is
	Group        Group          // whose member it is; members of one group stand beside each other
	Line         int
}

// Cadence says how often people are told while an incident is open.
type Cadence struct {
	Every time.Duration `json:"every,omitempty"`
}

// Escalation says when somebody is paged because nobody decided.
type Escalation struct {
	After   time.Duration `json:"after,omitempty"`
	Service string        `json:"service,omitempty"` // a configured PagerDuty service
}

// Fault is one thing wrong with a file: where, what, and what to do about it.
type Fault struct {
	File string
	Line int
	Path string // "steps[2].kind"
	Text string
}

// Error makes a Fault usable as an error; the form is file:line: path: text, as compilers write it.
func (f Fault) Error() string {
	s := f.File
	if f.Line > 0 {
		s += ":" + itoa(f.Line)
	}
	if s != "" {
		s += ": "
	}
	if f.Path != "" {
		s += f.Path + ": "
	}
	return s + f.Text
}
