// Package probe is another vantage point: a small process elsewhere that tells how it sees a configured node. It
// knows the nodes by its own configuration; a request only names one.
package probe

import "time"

// State is what one look at one node told.
type State string

// The states. The first group are signs of life, the second one are how a node looks when it is gone.
const (
	Writable State = "writable"  // not in recovery: it takes writes, even if its default were read-only
	ReadOnly State = "read-only" // answers, and refuses writes
	Standby  State = "standby"   // in recovery
	Starting State = "starting"  // answers that it starts up or shuts down
	Full     State = "full"      // no connection, disk or memory left: slow is not dead
	Denied   State = "denied"    // answers, but refuses us
	Closing  State = "closing"   // its database accepts no connections, but sessions or other databases are left, or may be

	Fenced      State = "fenced"      // no database accepts connections, and no session is left
	Refused     State = "refused"     // nobody listens
	Unreachable State = "unreachable" // no route, no name, or cut off
	Hung        State = "hung"        // no answer within the deadline

	Unsure State = "unknown" // the look itself failed
)

// words complete "pg-1 ...", as a person would say it.
var words = map[State]string{
	Writable: "takes writes", ReadOnly: "answers but refuses writes", Standby: "is a standby", Starting: "is starting or shutting down",
	Full: "is full", Denied: "answers but refuses our login", Fenced: "lets nobody into its database", Closing: "has closed its database but not all that may write", Refused: "refuses connections",
	Unreachable: "is unreachable", Hung: "does not answer",
}

// Words completes "pg-1 ..." for a person: "refuses connections".
func (s State) Words() string {
	if w, ok := words[s]; ok {
		return w
	}
	return "could not be judged"
}

// Answers reports whether the node gave a sign of life that it may take writes now or soon.
func (s State) Answers() bool {
	return s == Writable || s == ReadOnly || s == Starting || s == Full || s == Denied || s == Closing
}

// Gone reports whether the node does not take writes as far as this place can see.
func (s State) Gone() bool {
	return s == Fenced || s == Refused || s == Unreachable || s == Hung || s == Standby
}

// Stopped reports whether the node was seen not to take writes, which silence alone does not tell.
func (s State) Stopped() bool { return s == Fenced || s == Refused || s == Standby }

// Sighting is how one place sees one node.
type Sighting struct {
	State  State     `json:"state"`
	Detail string    `json:"detail,omitempty"` // one phrase, without secrets
	At     time.Time `json:"at"`
	Server Server    `json:"server,omitzero"`
}

// Server is which server was seen, as that says itself, and where. Probes of before do not tell, and servers that do not
// answer tell only where: the rest is empty then.
type Server struct {
	SystemID    string    `json:"system_id,omitempty"`
	StartedAt   time.Time `json:"started_at,omitzero"` // of the postmaster
	ClusterName string    `json:"cluster_name,omitempty"`
	Addr        string    `json:"addr,omitempty"` // host:port of the probe's configuration
}

// Question names a node of a configured cluster.
type Question struct {
	Cluster string `json:"cluster"`
	Node    string `json:"node"`
}
