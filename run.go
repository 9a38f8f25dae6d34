package pointsman

import (
	"encoding/json"
	"time"
)

// RunState is where a run stands.
type RunState string

// The states of a run. The table in states.go says which event leads where.
const (
	// RunQueued: approved, waiting for a worker; entered in the transaction of the completing vote.
	RunQueued RunState = "queued"
	// RunRunning: a worker owns it through a lease and carries out the steps.
	RunRunning RunState = "running"
	// RunWaiting: it waits for a time or for people (wait, manual.task, gate) and no worker holds it.
	RunWaiting RunState = "waiting"
	// RunPaused: a person halted it between two steps; nothing is at work, the target stays locked, a person resumes or aborts.
	RunPaused RunState = "paused"
	// RunUndoing: a person aborted it before its point of no return; a worker undoes what was done, the last step first.
	RunUndoing RunState = "undoing"
	// RunParked: it cannot go on by itself, or be undone, and a person must say retry, done or abort; the target stays locked.
	RunParked RunState = "parked"
	// RunDone: every step is done and verified; terminal.
	RunDone RunState = "done"
	// RunAborted: a person ended it; terminal.
	RunAborted RunState = "aborted"
	// RunVoided: fresh evidence lay outside what was approved, so nothing was done; terminal.
	RunVoided RunState = "voided"
)

// Terminal reports whether the run is at its end and its lock free.
func (s RunState) Terminal() bool { return s == RunDone || s == RunAborted || s == RunVoided }

// StepState is where one step stands.
type StepState string

// The states of a step.
const (
	// StepPending: nothing of it has begun; also the state into which a person's retry brings it back.
	StepPending StepState = "pending"
	// StepStarted: the intent is committed; the effect may or may not have happened.
	StepStarted StepState = "started"
	// StepDone: the effect was seen to hold, or a person said so and is named; final.
	StepDone StepState = "done"
	// StepRefused: a guard said no before anything was done; never retried without a person.
	StepRefused StepState = "refused"
	// StepFailed: it was evaluated and is not so, or could not be told within the limits.
	StepFailed StepState = "failed"
	// StepUnknown: it may have happened; it is observed, never repeated blindly.
	StepUnknown StepState = "unknown"
	// StepSkipped: left out on purpose; final.
	StepSkipped StepState = "skipped"
	// StepUndoing: the intent to undo it is committed; it may or may not have been undone.
	StepUndoing StepState = "undoing"
	// StepUndone: its effect was taken back; final.
	StepUndone StepState = "undone"
	// StepNotUndone: undoing it was refused, failed or could not be told, and is not tried again; final.
	StepNotUndone StepState = "not_undone"
)

// Run is one execution of an approved plan. IDs read INC-7/R1.
type Run struct {
	ID       string `json:"id"`
	Proposal string `json:"proposal"`
	Runbook  string `json:"runbook"`
	Title    string `json:"title"`
	Target   Target `json:"target,omitzero"`
	Mode     Mode   `json:"mode,omitempty"`
	Holds    bool   `json:"holds"` // whether it holds the target's lock until it is terminal
	// Token is the fencing token of the target's lock: the run may begin nothing when the target has another.
	Token int64 `json:"token,omitempty"`
	// Exempt: neither a lock nor a freeze of a person stands in the way, because the run only stops things.
	Exempt bool `json:"exempt,omitempty"`
	// Suggested: alerts asked for it, no person.
	Suggested  bool      `json:"suggested,omitempty"`
	Plan       []byte    `json:"plan"`
	Digest     string    `json:"digest"`
	State      RunState  `json:"state"`
	Epoch      int64     `json:"epoch"` // the lease under which the last change was made
	Steps      []RunStep `json:"steps"`
	ApprovedBy string    `json:"approved_by,omitempty"` // the people whose approvals completed the quorum
	QueuedAt   time.Time `json:"queued_at"`
	StartedAt  time.Time `json:"started_at,omitzero"`
	EndedAt    time.Time `json:"ended_at,omitzero"`
	WakeAt     time.Time `json:"wake_at,omitzero"` // for waiting: when a worker should look again; zero waits for a person
	Note       string    `json:"note,omitempty"`   // one sentence: where it stands, or why it ended so
	Known      []Fact    `json:"known,omitempty"`  // on which conditions of steps depend, as last found
	Facts      []Fact    `json:"facts,omitempty"`  // of the last re-check or verification
	// Regardless: a person decided to go on although every alert had resolved; they are not asked before each step.
	Regardless bool `json:"regardless,omitempty"`
	// Question is what a parked run asks of one more approver; nil where it asks nothing.
	Question *Question `json:"question,omitempty"`
	// Granted is what was accepted in the course of the run, beside the plan.
	Granted []Grant `json:"granted,omitempty"`
	// Alarms is the number of the target's last alarm that whoever approved the run, or let it go on, could know of. A later
	// one keeps its next step from beginning: Protection.Alarm.
	Alarms int64 `json:"alarms,omitempty"`
	// Halt is why the next step may not begin, until a person says retry. Only earlier versions set it: at an alarm, in the
	// runs of the incident that told it.
	Halt string `json:"halt,omitempty"`
	// Wish is what an operator decided while a step was at work; it is carried out when that step has ended.
	Wish Wish `json:"wish,omitzero"`
	// GroupUntil is when the time of the group at work is over: no member begins after it, and none is at work.
	GroupUntil time.Time `json:"group_until,omitzero"`
	// Until is when the run's deadline passes: no step begins after it unless a person says so. Zero for none.
	Until time.Time `json:"until,omitzero"`
	// HeldUndo: the run is parked because something kept the next step from being undone; a person may let that go on.
	HeldUndo bool `json:"held_undo,omitempty"`
	// Left is what an aborted run leaves to a person.
	Left []Left `json:"left,omitempty"`
	// Fresh: a person halted the run, so what is left is checked anew, as for a start, before its next step begins.
	Fresh bool `json:"fresh,omitempty"`
}

// RunStep is the execution of one plan step.
type RunStep struct {
	Name         string          `json:"name"`
	Kind         string          `json:"kind"`
	Summary      string          `json:"summary"`
	Irreversible bool            `json:"irreversible,omitempty"`
	State        StepState       `json:"state"`
	Attempt      int             `json:"attempt"`
	Memo         json.RawMessage `json:"memo,omitempty"`    // what Apply left for Verify, across restarts
	Earlier      json.RawMessage `json:"earlier,omitempty"` // what the last attempt before this one left that left something
	Note         string          `json:"note,omitempty"`
	MarkedBy     string          `json:"marked_by,omitempty"` // who said that it is done; empty where the engine saw it
	Result       string          `json:"result,omitempty"`    // what that person wrote, word for word
	Duty         Duty            `json:"duty,omitzero"`       // who must act while it waits for a person
	When         *Condition      `json:"when,omitempty"`      // as planned; never changed
	Undecided    bool            `json:"undecided,omitempty"` // the run is parked because When cannot be told
	Despite      string          `json:"despite,omitempty"`   // who said that it begins all the same
	Gate         Gate            `json:"gate,omitzero"`       // for kind gate: the approval that it waits for
	StartedAt    time.Time       `json:"started_at,omitzero"`
	EndedAt      time.Time       `json:"ended_at,omitzero"`
	// Lost: it counts as attempted only because the log lost its end; whether its condition was answered is not on record.
	Lost bool `json:"lost,omitempty"`
	// MaybeUndone: it is done on record, and the log lost its end since; a person may have aborted the run in the lost part.
	MaybeUndone bool `json:"maybe_undone,omitempty"`
	// Touched: an attempt had its effect or may have had it, whatever became of later ones.
	Touched bool `json:"touched,omitempty"`
	// HarderFrom is the first attempt that is made in the ungraceful form; zero for none.
	HarderFrom int       `json:"harder_from,omitempty"`
	Slow       bool      `json:"slow,omitempty"` // it was told that this attempt takes long
	Tries      Tries     `json:"tries,omitzero"` // of which nothing was sent
	UndoAt     time.Time `json:"undo_at,omitzero"`
	Group      Group     `json:"group,omitzero"` // whose member it is, as planned
}

// Harder reports whether the attempt at work is made in the ungraceful form.
func (s RunStep) Harder() bool { return s.HarderFrom > 0 && s.Attempt >= s.HarderFrom }

// Current is the index of the first step that is not done or skipped; len(Steps) when all are.
func (r Run) Current() int {
	for i, s := range r.Steps {
		if !s.over() {
			return i
		}
	}
	return len(r.Steps)
}

// Mark names the step at which the run stands and its attempt, "3.1": a decision carries it, so that one that was meant
// for another step is noticed. The attempts of a group are those of all its members, so each of them changes it. Where the
// run is parked on its way back it is "3.1u": to abort and to resume are other decisions there than before.
func (r Run) Mark() string {
	i := r.Current()
	mark := itoa(r.At(i).N) + "." + itoa(r.attempts(i))
	if r.Wish.Verb == VerbAbort && r.State == RunParked {
		mark += "u"
	}
	return mark
}

// attempts counts those of the step, and in a group those of all members.
func (r Run) attempts(i int) int {
	n := 0
	for from, to := r.Members(i); from < to && from < len(r.Steps); from++ {
		n += r.Steps[from].Attempt
	}
	return n
}

// Claim is a lease on a run.
type Claim struct {
	Run      Run
	Epoch    int64
	Takeover bool // the former owner's lease ended while the run was running
	// Since is when the lease began, by this process's own clock, where that was before it was asked for.
	Since time.Time
}
