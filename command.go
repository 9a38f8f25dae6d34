package pointsman

import (
	"cmp"
	"encoding/json"
	"strconv"
	"time"
)

// Command is a request for a change of one incident. A store loads the subject's state, calls Decide and writes
// state, events and queue entries in one transaction.
type Command interface {
	Subject() Subject
}

// Subject says which state a command needs.
type Subject struct {
	Incident string // the incident's id, or
	Key      string // its key: the newest one that is open or was resolved within ReopenWithin, else a new one
	// Run and Epoch fence an engine's write: it counts only while the run's lease still has this epoch.
	Run   string
	Epoch int64
	// Alerts are the fingerprints whose stored alerts Decide must see.
	Alerts []string
	// Firing asks for every stored alert of the incident that fires.
	Firing bool
	// Protect asks for the protections of the incident's targets, of Target and of everything, held until the commit.
	Protect bool
	// Apart: the command belongs to no incident; it speaks of the target with the key Target, or of everything.
	Apart  bool
	Target string
	// Once names a request that must act at most once (a click, an envelope); empty for none.
	Once string
}

// ReceiveAlerts brings the alerts of one incident out of a webhook.
type ReceiveAlerts struct {
	Key       string
	Title     string
	Severity  string
	Target    Target
	Alerts    []Alert
	Truncated int  // alerts that Alertmanager left out
	Cut       bool // there were more than we read; how many is not known
	Offers    []Offer
	Update    time.Duration // how often people are told; zero for never
	Escalate  Escalation
}

// Offer is a runbook that fits an alert, with the parameters that the labels selected.
type Offer struct {
	Runbook  string
	Title    string
	Target   Target
	Params   map[string]string
	Mode     Mode // as a person chose it, or the runbook's first; alerts ask in mode incident
	Priority int
	Problem  string // why no plan can be made although the runbook fits: no target, or two
}

// Key is the key of the incident that a person's request opens: the same that an alert on the target would have.
func (o Offer) Key() string {
	if k := o.Target.Key(); k != "" {
		return "target:" + k
	}
	return "runbook:" + o.Runbook
}

// Request is a person's wish to run a runbook. Key is used when Incident is empty.
type Request struct {
	Incident string
	Key      string
	Offer    Offer
	Reason   string
	By       Actor
	Once     string
}

// Ready brings the resolved plan and its evidence for a proposal that is being checked.
type Ready struct {
	Proposal   string
	Generation int
	Plan       []byte
	Facts      []Fact
	Already    string
	Problem    string   // why no plan could be made
	Eligible   []string // names of the people who may approve
}

// Recheck asks for fresh evidence.
type Recheck struct {
	Proposal string
	By       Actor
	Once     string
}

// Relook asks for fresh evidence without a person: a lock, a freeze or a window has begun or ended since it was gathered.
type Relook struct {
	Proposal   string
	Generation int // as it was looked at; another one means that somebody was faster
	Why        string
}

// TellHold says on the card of an open run that a freeze began or ended. It changes nothing.
type TellHold struct {
	Run  string
	Text string
	Once string // names the freeze, so that of several replicas one says it
}

// CastVote is a person's decision on the digest they were shown: of a proposal, or of a run that waits at a gate.
type CastVote struct {
	Proposal string
	Run      string // for a gate, in place of Proposal
	Mark     string // for a gate: Run.Mark as the person saw it
	Digest   string // full, or the 12 digits a person copied
	Verdict  Verdict
	Reason   string
	By       Actor
	Once     string
	// People are those configured now. At a gate the earlier approvals count only of who is among them and has the role still;
	// of none, where they are not given.
	People map[string]Person
}

// Tick makes everything that is due happen.
type Tick struct{ Incident string }

// StartRun turns a queued run into a running one, after the checks were repeated under the lock.
type StartRun struct {
	Run    string
	Epoch  int64
	Facts  []Fact
	People map[string]Person // the people as configured now: approvals count only while their roles last
}

// TakeOver tells that a worker continues a run whose lease had ended.
type TakeOver struct {
	Run   string
	Epoch int64
	Owner string
}

// EndStep brings the outcome of the current step.
type EndStep struct {
	Run     string
	Epoch   int64
	Step    int // index
	State   StepState
	Note    string
	Facts   []Fact
	Attempt int  // that ended: the same outcome twice ends one attempt, not two; zero where nobody says
	Unsent  bool // failed, and nothing was sent in this attempt
	// Terminal outcome of the run's verification, if this was the last step, is derived; nothing else is needed.
}

// NoteMemo stores what Apply left for Verify, before the outcome is known.
type NoteMemo struct {
	Run   string
	Epoch int64
	Step  int
	Memo  json.RawMessage
	Note  string
	Tell  bool // whether the card should show the note now
}

// WaitStep gives the worker back: the current step waits for a time, or for a person if Until is zero.
type WaitStep struct {
	Run   string
	Epoch int64
	Step  int
	Until time.Time
	Note  string
	Owner string    // where it waits for a person: who, by role or id
	Due   time.Time // and until when; zero for no hurry
	// Progress: it goes on doing what it did, so the card is told and the thread is not.
	Progress bool
}

// WakeRun lets a waiting run go on under a new lease.
type WakeRun struct {
	Run     string
	Epoch   int64
	Checked bool   // what is still to be done was checked anew; needed where a person lets a paused run go on
	Facts   []Fact // what that found
}

// RetryStep begins another attempt of a step that was observed not to have happened, or of which nothing was sent.
type RetryStep struct {
	Run     string
	Epoch   int64
	Step    int
	Attempt int // the attempt that did not happen: the same request twice begins one new attempt, not two
	Note    string
	// Unsent: whoever made the attempt says that it sent nothing. Of one that was taken over and observed nobody knows that.
	Unsent bool
}

// WriteUpdate is an incident update written by a person.
type WriteUpdate struct {
	Incident string
	Text     string
	By       Actor
	Once     string
}

// CloseIncident resolves an incident that no alert will resolve: one that a person opened, or, with a reason, one whose
// alerts will never be reported as ended.
type CloseIncident struct {
	Incident string
	Reason   string
	By       Actor
	Once     string
}

// Subject implements Command.
func (c ReceiveAlerts) Subject() Subject {
	prints := make([]string, len(c.Alerts))
	for i, a := range c.Alerts {
		prints[i] = a.Fingerprint
	}
	return Subject{Key: c.Key, Alerts: prints}
}

// Subject implements Command.
func (c Request) Subject() Subject { return Subject{Incident: c.Incident, Key: c.Key, Once: c.Once} }

// Subject implements Command.
func (c Ready) Subject() Subject { return Subject{Incident: IncidentOf(c.Proposal)} }

// Subject implements Command.
func (c Recheck) Subject() Subject { return Subject{Incident: IncidentOf(c.Proposal), Once: c.Once} }

// Subject implements Command.
func (c TellHold) Subject() Subject { return Subject{Incident: IncidentOf(c.Run), Once: c.Once} }

// Subject implements Command.
func (c Relook) Subject() Subject { return Subject{Incident: IncidentOf(c.Proposal)} }

// Subject implements Command.
func (c CastVote) Subject() Subject {
	return Subject{Incident: IncidentOf(cmp.Or(c.Proposal, c.Run)), Protect: true, Once: c.Once}
}

// Subject implements Command.
func (c Tick) Subject() Subject { return Subject{Incident: c.Incident} }

// Subject implements Command.
func (c StartRun) Subject() Subject { return fenced(c.Run, c.Epoch) }

// Subject implements Command.
func (c TakeOver) Subject() Subject { return fenced(c.Run, c.Epoch) }

// Subject implements Command.
func (c EndStep) Subject() Subject { return fenced(c.Run, c.Epoch) }

// Subject implements Command.
func (c NoteMemo) Subject() Subject { return fenced(c.Run, c.Epoch) }

// Subject implements Command.
func (c WaitStep) Subject() Subject { return fenced(c.Run, c.Epoch) }

// Subject implements Command.
func (c WakeRun) Subject() Subject { return fenced(c.Run, c.Epoch) }

// Subject implements Command.
func (c RetryStep) Subject() Subject { return fenced(c.Run, c.Epoch) }

// Subject implements Command.
func (c WriteUpdate) Subject() Subject { return Subject{Incident: c.Incident, Once: c.Once} }

// Subject implements Command.
func (c CloseIncident) Subject() Subject {
	return Subject{Incident: c.Incident, Firing: true, Protect: true, Once: c.Once}
}

func fenced(run string, epoch int64) Subject {
	return Subject{Incident: IncidentOf(run), Run: run, Epoch: epoch, Protect: true}
}

// IncidentOf is the incident's id in a proposal's or run's id: INC-7 of INC-7/P1.
func IncidentOf(id string) string {
	for i := range len(id) {
		if id[i] == '/' {
			return id[:i]
		}
	}
	return id
}

// LoseEnd tells an incident that the log has lost its end: what is on record of it may be older than what was done.
// Without an incident it is told to the target with the key Target, or to everything: its fencing token leaps.
type LoseEnd struct {
	Incident string
	Target   string
	Text     string // how that is known
	Mend     int64  // which loss it is; several replicas notice the same one, and each incident is told once
	Leaps    int64  // by how many leaps numbers go on, one at least; more where earlier leaps are lost as well
}

// Subject implements Command.
func (c LoseEnd) Subject() Subject {
	about := cmp.Or(c.Incident, "target "+c.Target)
	return Subject{
		Incident: c.Incident, Apart: c.Incident == "", Target: c.Target, Protect: true,
		Once: "lost/" + strconv.FormatInt(c.Mend, 10) + "/" + about,
	}
}
