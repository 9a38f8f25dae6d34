package postgres

import "github.com/pointsman/pointsman/actions"

// Every kind works on the cluster that the run holds: its lock, cool-down and windows protect nothing else.
var (
	_ actions.Tied = Check{}
	_ actions.Tied = Fencing{}
	_ actions.Tied = Promote{}
	_ actions.Tied = Verify{}
	_ actions.Tied = Lag{}
	_ actions.Tied = Repoint{}
	_ actions.Tied = Checkpoint{}
	_ actions.Tied = Terminate{}
	_ actions.Tied = Rejoin{}
	_ actions.Tied = Switchover{}
	_ actions.Tied = Pause{}
	_ actions.Tied = Resume{}

	_ actions.Frugal = Check{}
	_ actions.Frugal = Lag{}
)

const (
	targetKind = "postgres"
	clusterArg = "cluster"
)

// TiedTo implements actions.Tied.
func (Check) TiedTo() (kind, argument string) { return targetKind, clusterArg }

// TiedTo implements actions.Tied.
func (Fencing) TiedTo() (kind, argument string) { return targetKind, clusterArg }

// TiedTo implements actions.Tied.
func (Promote) TiedTo() (kind, argument string) { return targetKind, clusterArg }

// TiedTo implements actions.Tied.
func (Verify) TiedTo() (kind, argument string) { return targetKind, clusterArg }

// TiedTo implements actions.Tied.
func (Lag) TiedTo() (kind, argument string) { return targetKind, clusterArg }

// TiedTo implements actions.Tied.
func (Repoint) TiedTo() (kind, argument string) { return targetKind, clusterArg }

// TiedTo implements actions.Tied.
func (Checkpoint) TiedTo() (kind, argument string) { return targetKind, clusterArg }

// TiedTo implements actions.Tied.
func (Terminate) TiedTo() (kind, argument string) { return targetKind, clusterArg }

// TiedTo implements actions.Tied.
func (Rejoin) TiedTo() (kind, argument string) { return targetKind, clusterArg }

// TiedTo implements actions.Tied.
func (Switchover) TiedTo() (kind, argument string) { return targetKind, clusterArg }

// TiedTo implements actions.Tied.
func (Pause) TiedTo() (kind, argument string) { return targetKind, clusterArg }

// TiedTo implements actions.Tied.
func (Resume) TiedTo() (kind, argument string) { return targetKind, clusterArg }

// Needs implements actions.Frugal: it only looks.
func (Check) Needs() (target, lock bool) { return false, false }

// Needs implements actions.Frugal: it only looks.
func (Lag) Needs() (target, lock bool) { return false, false }
