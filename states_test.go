package pointsman

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// everyEvent is every event type there is; a new one that is missing here fails TestEveryTransition... below only if
// a table uses it, which is what matters.
var everyEvent = []EventType{
	EvIncidentOpened, EvIncidentReopened, EvIncidentResolved, EvIncidentUpdate, EvAlertFiring, EvAlertResolved,
	EvProposalRequested, EvProposalRecheck, EvProposalReady, EvProposalRefused, EvProposalStill, EvProposalApproved, EvProposalDenied,
	EvProposalExpired, EvProposalWithdrawn, EvVoteCounted, EvVoteRefused, EvVotesVoided, EvRunQueued, EvRunStarted,
	EvRunTaken, EvRunWaiting, EvRunResumed, EvRunParked, EvRunDone, EvRunAborted, EvRunVoided, EvStepStarted,
	EvStepDone, EvStepRefused, EvStepFailed, EvStepUnknown, EvStepSkipped, EvPageTriggered, EvPageAcknowledged,
	EvRunWished, EvRunPaused, EvRunUndoing, EvStepUndoing, EvStepUndone, EvStepNotUndone,
	EvPageDelivered, EvPageUndelivered, EvPageResolved, EvTargetAlarm, EvDoorRefused, EvServerState, EvSwitchChanged, EvDeliveryLost, EvAuditRead,
}

// exhaust tries every event in every state and checks that just the pairs of the table are possible.
func exhaust[S ~string](t *testing.T, table map[S]map[EventType]S, step func(S, EventType) (S, error)) {
	t.Helper()
	for from, row := range table {
		for ev := range row {
			if !slices.Contains(everyEvent, ev) {
				t.Errorf("%q: event %q is not listed", from, ev)
			}
		}
		for _, ev := range everyEvent {
			to, err := step(from, ev)
			want, legal := row[ev]
			switch {
			case legal && (err != nil || to != want):
				t.Errorf("%q --%s--> %q, %v; want %q", from, ev, to, err, want)
			case !legal && (err == nil || to != from):
				t.Errorf("%q --%s--> %q must be impossible", from, ev, to)
			}
			if _, listed := table[to]; !listed {
				t.Errorf("%q --%s--> %q, which is no state of the table", from, ev, to)
			}
		}
	}
}

func TestEveryTransitionThatIsNotInATableIsImpossible(t *testing.T) {
	t.Parallel()
	exhaust(t, incidentTable, IncidentState.Next)
	exhaust(t, proposalTable, ProposalState.Next)
	exhaust(t, runTable, RunState.Next)
	exhaust(t, stepTable, StepState.Next)
}

// TestStatesMoveByTheTablesOnly: who sets a state by hand goes around them. The ones that may are the movers, which ask the tables,
// the one change that is no event of a step, and a look ahead on a copy of a run.
func TestStatesMoveByTheTablesOnly(t *testing.T) {
	t.Parallel()
	may := []string{"moveIncident", "moveProposal", "moveRun", "moveStep", "restart", "backwards"}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				set, ok := n.(*ast.AssignStmt)
				if !ok {
					return true
				}
				for _, to := range set.Lhs {
					if f, ok := to.(*ast.SelectorExpr); ok && f.Sel.Name == "State" {
						if seen = append(seen, fn.Name.Name); !slices.Contains(may, fn.Name.Name) {
							t.Errorf("%s: %s sets a state by hand", file, fn.Name.Name)
						}
					}
				}
				return true
			})
		}
	}
	for _, name := range may {
		if !slices.Contains(seen, name) {
			t.Errorf("%s sets no state; take it off the list", name)
		}
	}
}

func TestTerminalStatesOfARunLeadNowhere(t *testing.T) {
	t.Parallel()
	for s, row := range runTable {
		if s.Terminal() != (len(row) == 0) {
			t.Errorf("%q: terminal %v, but %d ways out", s, s.Terminal(), len(row))
		}
	}
}

func TestOnlyAVoidedRunSendsAnApprovedProposalBack(t *testing.T) {
	t.Parallel()
	if len(proposalTable[ProposalApproved]) != 1 || len(proposalTable[ProposalDenied]) != 0 {
		t.Fatal("an approval or a denial is final but for a voided run")
	}
}

func TestIllegalTransitionSaysWhatAndWhere(t *testing.T) {
	t.Parallel()
	_, err := RunDone.Next(EvRunStarted)
	if err == nil || !strings.Contains(err.Error(), `run.started cannot happen in state "done"`) {
		t.Fatal(err)
	}
}
