package patroni

import "github.com/pointsman/pointsman/actions"

// Every kind works on the cluster that the run holds: its lock, cool-down and windows protect nothing else.
var (
	_ actions.Tied = Status{}
	_ actions.Tied = Switchover{}
	_ actions.Tied = Failover{}

	_ actions.Frugal = Status{}
)

const (
	targetKind = "patroni"
	clusterArg = "cluster"
)

// TiedTo implements actions.Tied.
func (Status) TiedTo() (kind, argument string) { return targetKind, clusterArg }

// TiedTo implements actions.Tied.
func (Switchover) TiedTo() (kind, argument string) { return targetKind, clusterArg }

// TiedTo implements actions.Tied.
func (Failover) TiedTo() (kind, argument string) { return targetKind, clusterArg }

// Needs implements actions.Frugal: it only looks.
func (Status) Needs() (target, lock bool) { return false, false }
