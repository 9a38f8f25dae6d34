package pointsman

// The transition tables. A pair that is not here is impossible: the reducer answers with a conflict and changes
// nothing, and the SQL behind it writes only WHERE the old state still stands.

var incidentTable = map[IncidentState]map[EventType]IncidentState{
	"":               {EvIncidentOpened: IncidentOpen},
	IncidentOpen:     {EvIncidentResolved: IncidentResolved},
	IncidentResolved: {EvIncidentReopened: IncidentOpen},
}

var proposalTable = map[ProposalState]map[EventType]ProposalState{
	"": {EvProposalRequested: ProposalChecking},
	ProposalChecking: {
		EvProposalRecheck:   ProposalChecking,
		EvProposalReady:     ProposalReady,
		EvProposalRefused:   ProposalRefused,
		EvProposalStill:     ProposalRefused,
		EvProposalWithdrawn: ProposalWithdrawn,
	},
	ProposalReady: {
		EvProposalRecheck:   ProposalChecking,
		EvProposalApproved:  ProposalApproved,
		EvProposalDenied:    ProposalDenied,
		EvProposalExpired:   ProposalExpired,
		EvProposalWithdrawn: ProposalWithdrawn,
	},
	ProposalRefused: {
		EvProposalRecheck:   ProposalChecking,
		EvProposalWithdrawn: ProposalWithdrawn,
	},
	ProposalExpired: {
		EvProposalRecheck:   ProposalChecking,
		EvProposalWithdrawn: ProposalWithdrawn,
	},
	// Only a voided run sends an approved proposal back: nothing was done, and the votes are gone.
	ProposalApproved:  {EvProposalRecheck: ProposalChecking},
	ProposalDenied:    {},
	ProposalWithdrawn: {},
}

var runTable = map[RunState]map[EventType]RunState{
	"": {EvRunQueued: RunQueued},
	RunQueued: {
		EvRunStarted: RunRunning,
		EvRunVoided:  RunVoided,
		EvRunAborted: RunAborted,
	},
	RunRunning: {
		EvRunTaken:   RunRunning,
		EvRunWished:  RunRunning, // the step at work goes on to its end, the next one does not begin
		EvRunWaiting: RunWaiting,
		EvRunPaused:  RunPaused,
		EvRunParked:  RunParked,
		EvRunDone:    RunDone,
		EvRunUndoing: RunUndoing,
		EvRunAborted: RunAborted,
	},
	RunWaiting: {
		EvRunWished:  RunWaiting,
		EvRunWaiting: RunWaiting, // a person said done or retry: a worker should look at once
		EvRunResumed: RunRunning,
		EvRunParked:  RunParked, // its gate was denied, or nobody decided in time
		EvRunDone:    RunDone,
		EvRunUndoing: RunUndoing,
		EvRunAborted: RunAborted,
	},
	RunPaused: {
		EvRunWaiting: RunWaiting, // a person resumes: a worker checks anew and goes on
		EvRunParked:  RunParked,  // the log has lost its end: it may have gone on
		EvRunDone:    RunDone,    // the last step was skipped
		EvRunUndoing: RunUndoing,
		EvRunAborted: RunAborted,
	},
	RunUndoing: {
		EvRunTaken:   RunUndoing,
		EvRunParked:  RunParked, // a step could not be undone, or may not be now
		EvRunAborted: RunAborted,
	},
	RunParked: {
		EvRunParked:  RunParked, // the log has lost its end: a person may have let it go on
		EvRunWaiting: RunWaiting,
		EvRunDone:    RunDone,
		EvRunUndoing: RunUndoing, // aborted, or its undoing was held back and a person lets it go on
		EvRunAborted: RunAborted,
	},
	RunDone:    {},
	RunAborted: {},
	RunVoided:  {},
}

var stepTable = map[StepState]map[EventType]StepState{
	StepPending: {
		EvStepStarted: StepStarted,
		EvStepSkipped: StepSkipped,
		EvStepUnknown: StepUnknown, // the log has lost its end: it may have happened
	},
	StepStarted: {
		EvStepSkipped: StepSkipped, // a wait that a person cuts short
		EvStepStarted: StepStarted, // another attempt, after the first was seen not to have happened
		EvStepDone:    StepDone,
		EvStepRefused: StepRefused,
		EvStepFailed:  StepFailed,
		EvStepUnknown: StepUnknown,
	},
	StepUnknown: {
		EvStepSkipped: StepSkipped,
		EvStepStarted: StepStarted,
		EvStepDone:    StepDone,
		EvStepFailed:  StepFailed,
		EvStepUnknown: StepUnknown,
	},
	StepRefused: {EvStepStarted: StepStarted, EvStepDone: StepDone, EvStepSkipped: StepSkipped},
	StepFailed:  {EvStepStarted: StepStarted, EvStepDone: StepDone, EvStepSkipped: StepSkipped},
	StepDone:    {EvStepUndoing: StepUndoing}, // only while an aborted run is undone
	StepUndoing: {EvStepUndone: StepUndone, EvStepNotUndone: StepNotUndone},
	StepSkipped: {},

	StepUndone:    {},
	StepNotUndone: {},
}

func next[S ~string](table map[S]map[EventType]S, from S, ev EventType) (S, error) {
	to, ok := table[from][ev]
	if !ok {
		return from, Errorf(CodeConflict, "%s cannot happen in state %q", ev, string(from))
	}
	return to, nil
}

// Next returns the state to which the event leads, or an Error with CodeConflict.
func (s IncidentState) Next(ev EventType) (IncidentState, error) { return next(incidentTable, s, ev) }

// Next returns the state to which the event leads, or an Error with CodeConflict.
func (s ProposalState) Next(ev EventType) (ProposalState, error) { return next(proposalTable, s, ev) }

// Next returns the state to which the event leads, or an Error with CodeConflict.
func (s RunState) Next(ev EventType) (RunState, error) { return next(runTable, s, ev) }

// Next returns the state to which the event leads, or an Error with CodeConflict.
func (s StepState) Next(ev EventType) (StepState, error) { return next(stepTable, s, ev) }
