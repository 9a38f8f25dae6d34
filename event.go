package pointsman

import (
	"encoding/json"
	"time"
)

// EventType names what happened. The words are stored for ever and never renamed.
type EventType string

// The events of the log.
const (
	EvIncidentOpened   EventType = "incident.opened"
	EvIncidentReopened EventType = "incident.reopened"
	EvIncidentResolved EventType = "incident.resolved"
	EvIncidentUpdate   EventType = "incident.update" // a timed or written update for people
	EvAlertFiring      EventType = "alert.firing"
	EvAlertResolved    EventType = "alert.resolved"

	EvProposalRequested EventType = "proposal.requested"
	EvProposalRecheck   EventType = "proposal.recheck"
	EvProposalReady     EventType = "proposal.ready"
	EvProposalRefused   EventType = "proposal.refused"
	EvProposalStill     EventType = "proposal.still_refused" // for the same reason as people were told a short while ago
	EvProposalApproved  EventType = "proposal.approved"
	EvProposalDenied    EventType = "proposal.denied"
	EvProposalExpired   EventType = "proposal.expired"
	EvProposalWithdrawn EventType = "proposal.withdrawn"

	EvVoteCounted EventType = "vote.counted"
	EvVoteRefused EventType = "vote.refused" // a click that does not count, and why
	EvVotesVoided EventType = "votes.voided" // the plan changed, or the log lost its end, so its votes are gone; with a step, at its gate: of who may not open it any more
	EvGateCounted EventType = "gate.counted" // an approval at a gate in the middle of a run

	EvRunQueued   EventType = "run.queued"
	EvRunStarted  EventType = "run.started"
	EvRunTaken    EventType = "run.taken" // a worker took over a run whose lease had ended
	EvRunWaiting  EventType = "run.waiting"
	EvRunResumed  EventType = "run.resumed"
	EvRunWished   EventType = "run.wished"   // an operator decided while a step was at work
	EvRunAccepted EventType = "run.accepted" // one more approver accepted more than was approved
	EvRunPaused   EventType = "run.paused"
	EvRunHeld     EventType = "run.held"    // a freeze began or ended while the run is open; nothing of it changes
	EvRunUndoing  EventType = "run.undoing" // aborted before the point of no return: what was done is undone
	EvRunParked   EventType = "run.parked"
	EvRunDone     EventType = "run.done"
	EvRunAborted  EventType = "run.aborted"
	EvRunVoided   EventType = "run.voided"

	EvStepStarted   EventType = "step.started"
	EvStepDone      EventType = "step.done"
	EvStepRefused   EventType = "step.refused"
	EvStepFailed    EventType = "step.failed"
	EvStepUnknown   EventType = "step.unknown"
	EvStepSkipped   EventType = "step.skipped"
	EvStepCondition EventType = "step.condition"  // the condition of a step was answered
	EvStepProgress  EventType = "step.progress"   // how far a long step has come
	EvStepSlow      EventType = "step.slow"       // it takes longer than nearly all earlier ones
	EvStepUnsent    EventType = "step.unsent"     // nothing of the attempt was sent, and another one follows
	EvStepLate      EventType = "step.late"       // what an attempt came to, from a process that had lost the run by then
	EvStepHarder    EventType = "step.ungraceful" // an operator switched the rest of the run to the harder forms

	EvStepUndoing   EventType = "step.undoing"
	EvStepUndone    EventType = "step.undone"
	EvStepNotUndone EventType = "step.not_undone"
	EvStepOverdue   EventType = "step.overdue" // a person's step was not done in time, and its owner is told again

	EvPageTriggered    EventType = "page.triggered"
	EvPageDelivered    EventType = "page.delivered"   // the pager has taken it
	EvPageUndelivered  EventType = "page.undelivered" // the pager has not taken it within PageWithin; it is tried on
	EvPageAcknowledged EventType = "page.acknowledged"
	EvPageResolved     EventType = "page.resolved"

	EvTargetAlarm EventType = "target.alarm" // a watch saw what a person must look at now, such as two primaries

	EvTargetLocked   EventType = "target.locked" // by a person; these five belong to no incident
	EvTargetUnlocked EventType = "target.unlocked"
	EvFreezeOn       EventType = "freeze.on"
	EvFreezeOff      EventType = "freeze.off"
	EvProtectRefused EventType = "protect.refused" // a lock or freeze that does not count, and why

	EvSwitchChanged EventType = "killswitch.changed" // it counts as something else than before, whoever changed it

	EvDoorRefused  EventType = "door.refused"  // a request that was turned away at a door: forged, old, replayed, unknown
	EvServerState  EventType = "server.state"  // started, stopped, configuration loaded or refused
	EvDeliveryLost EventType = "delivery.lost" // parked after its attempts; somebody must look
	EvAuditRead    EventType = "audit.read"    // the log was exported
)

// Event is one entry of the log: audit record, timeline line and outbox item in one. Body bytes are what is hashed.
type Event struct {
	Version  int             `json:"v"`
	ID       string          `json:"id"` // unique; carried as Slack metadata so that a repeated post is recognised
	Type     EventType       `json:"type"`
	At       time.Time       `json:"at"` // UTC, microseconds
	Actor    Actor           `json:"actor"`
	Incident string          `json:"incident,omitempty"`
	Proposal string          `json:"proposal,omitempty"`
	Run      string          `json:"run,omitempty"`
	Step     string          `json:"step,omitempty"`
	StepN    int             `json:"step_n,omitempty"` // from 1
	Member   int             `json:"member,omitempty"` // of the group at that step, from 1; zero for a step that stands alone
	Attempt  int             `json:"attempt,omitempty"`
	Epoch    int64           `json:"epoch,omitempty"`
	Target   string          `json:"target,omitempty"`
	Digest   string          `json:"digest,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Text     string          `json:"text"`           // one sentence for a person; the thread, the timeline and the report show it
	Data     json.RawMessage `json:"data,omitempty"` // the facts behind it: evidence, vote, bounds, labels
}

// Logged is an Event with the place that the log gave it.
type Logged struct {
	Seq int64 `json:"seq"`
	Event
}
