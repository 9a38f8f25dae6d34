package postgres

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres/dsn"
)

// The defaults of a cluster's settings.
const (
	DefaultHeartbeatTable  = "public.pointsman_heartbeat"
	DefaultReadTimeout     = 2 * time.Second // well under the engine's deadline for a check
	DefaultQuorum          = 2
	DefaultFenceTimeout    = 10 * time.Second
	DefaultSampleEvery     = 2 * time.Second
	DefaultWatchEvery      = 10 * time.Second
	DefaultReceiverSilence = 40 * time.Second // a healthy idle sender is asked for a sign of life after 30 s
	defaultLostBytes       = 16 << 20
	defaultLostTime        = 30 * time.Second
)

// Config is the list targets.postgres.
type Config []Cluster

// Cluster is one primary with its standbys.
type Cluster struct {
	Name        string   `yaml:"name"`
	Environment string   `yaml:"environment"`
	Drills      bool     `yaml:"drills"`   // exercises may change it like an outage would
	Match       []string `yaml:"match"`    // Alertmanager matchers: labels only select a configured target
	Database    string   `yaml:"database"` // the clients' database, for the texts
	Nodes       []Node   `yaml:"nodes"`
	Clients     Clients  `yaml:"clients"`
	Probes      []Probe  `yaml:"probes"`
	Fence       Fence    `yaml:"fence"`
	Poolers     []Pooler `yaml:"poolers"`
	NodeHook    NodeHook `yaml:"node_hook"` // acts on a node's own machine, see postgres.rejoin
	// HeartbeatTable has the columns id int primary key, at timestamptz, token text. It is in the schema public where it
	// names none: no connection of ours looks for it elsewhere.
	HeartbeatTable string        `yaml:"heartbeat_table"`
	Limits         Limits        `yaml:"limits"`
	Quorum         int           `yaml:"quorum"`       // vantage points that must see the old primary gone, 2 by default
	ReadTimeout    time.Duration `yaml:"read_timeout"` // for one node, 2 s by default
	SampleEvery    time.Duration `yaml:"sample_every"` // how often a healthy primary is sampled, 2 s by default
	WatchEvery     time.Duration `yaml:"watch_every"`  // how often it is looked for a second primary, 10 s by default
}

// Node is one server. Its DSN names exactly one host.
type Node struct {
	Name    string `yaml:"name"`
	Address `yaml:",inline" mapstructure:",squash"`
	// ClusterName is the server's cluster_name, where it is not the node's name. A server that says another node's name
	// is never acted on.
	ClusterName  string `yaml:"cluster_name"`
	NeverPromote bool   `yaml:"never_promote"` // a delayed or a reporting standby
	// Advertised is host:port by which poolers and applications reach the node, where it is not the DSN's.
	Advertised string `yaml:"advertised"`
}

// Clients is the address that clients use, and further ones of which each must lead to the primary.
type Clients struct {
	Address `yaml:",inline" mapstructure:",squash"`
	More    []Address `yaml:"more"`
}

// Probe is another vantage point: a process `pointsman probe` elsewhere.
type Probe struct {
	Name      string `yaml:"name"`
	URL       string `yaml:"url"`
	TokenFile string `yaml:"token_file"`
	Token     string `yaml:"token"`
	CAFile    string `yaml:"ca_file"` // of its certificate, where the system does not know it
}

// Limits are the figures above which one more approver must accept the exact loss.
type Limits struct {
	LostBytes Size          `yaml:"lost_bytes"` // 16 MiB by default
	LostTime  time.Duration `yaml:"lost_time"`  // 30 s by default
	// ReceiverSilence is how long a standby's receiver may claim to stream without a message, 40 s by default.
	ReceiverSilence time.Duration `yaml:"receiver_silence"`
}

// identifier is what may be written into SQL: a table name, perhaps with a schema.
var identifier = regexp.MustCompile(`^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$`)

// WithDefaults fills in what is not set.
func (c Cluster) WithDefaults() Cluster {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.ReadTimeout, DefaultReadTimeout)
	set(&c.SampleEvery, DefaultSampleEvery)
	set(&c.WatchEvery, DefaultWatchEvery)
	set(&c.Fence.Timeout, DefaultFenceTimeout)
	set(&c.NodeHook.Timeout, DefaultNodeTimeout)
	set(&c.Limits.LostTime, defaultLostTime)
	set(&c.Limits.ReceiverSilence, DefaultReceiverSilence)
	if c.Limits.LostBytes == 0 {
		c.Limits.LostBytes = defaultLostBytes
	}
	if c.Quorum == 0 {
		c.Quorum = DefaultQuorum
	}
	if c.HeartbeatTable == "" {
		c.HeartbeatTable = DefaultHeartbeatTable
	}
	c.HeartbeatTable = dsn.Table(c.HeartbeatTable)
	return c
}

// Validate reports everything that is wrong with the list, without connecting or reading files.
func (c Config) Validate() []pointsman.Fault {
	var faults []pointsman.Fault
	var names []string
	for i, cluster := range c {
		at := fmt.Sprintf("[%d]", i)
		if slices.Contains(names, cluster.Name) {
			faults = append(faults, pointsman.Fault{Path: at + ".name", Text: fmt.Sprintf("%q is configured twice", cluster.Name)})
		}
		names = append(names, cluster.Name)
		faults = append(faults, cluster.validate(at)...)
	}
	return faults
}

func (c Cluster) validate(at string) []pointsman.Fault {
	var faults []pointsman.Fault
	fault := func(path, format string, args ...any) {
		faults = append(faults, pointsman.Fault{Path: at + path, Text: fmt.Sprintf(format, args...)})
	}
	if c.Name == "" {
		fault(".name", "a cluster needs a name")
	}
	if len(c.Nodes) < 2 {
		fault(".nodes", "%s, a failover needs at least 2: the primary and a standby", pointsman.Count(len(c.Nodes), "node"))
	}
	if c.HeartbeatTable != "" && !identifier.MatchString(c.HeartbeatTable) {
		fault(".heartbeat_table", "%q is no lower-case table name, such as pointsman_heartbeat", c.HeartbeatTable)
	}
	if c.Quorum < 0 || c.Quorum > 1+len(c.Probes) && c.Quorum > DefaultQuorum {
		fault(".quorum", "%d vantage points are asked for, there are %d: this process and the probes", c.Quorum, 1+len(c.Probes))
	}
	for _, set := range []struct {
		path string
		d    time.Duration
	}{
		{".read_timeout", c.ReadTimeout},
		{".sample_every", c.SampleEvery},
		{".watch_every", c.WatchEvery},
		{".fence.timeout", c.Fence.Timeout},
		{".node_hook.timeout", c.NodeHook.Timeout},
		{".limits.lost_time", c.Limits.LostTime},
		{".limits.receiver_silence", c.Limits.ReceiverSilence},
	} {
		if set.d < 0 {
			fault(set.path, "%s is negative", set.d)
		}
	}
	faults = append(faults, c.validateFence(at+".fence")...)
	if len(c.NodeHook.Command) > 0 && c.NodeHook.Command[0] == "" {
		fault(".node_hook.command[0]", "the program is empty")
	}
	if wrong := misnamed(c.NodeHook.Command); wrong != "" {
		fault(".node_hook.command", "nothing takes the place of %s; only {node} is replaced, by the node's name", wrong)
	}
	faults = append(faults, c.Clients.validate(at+".clients", false)...)
	for i, more := range c.Clients.More {
		faults = append(faults, more.validate(fmt.Sprintf("%s.clients.more[%d]", at, i), false)...)
	}
	faults = append(faults, c.validateNodes(at)...)
	faults = append(faults, c.validatePoolers(at)...)
	return append(faults, c.validateProbes(at)...)
}

func (c Cluster) validateNodes(at string) []pointsman.Fault {
	var faults []pointsman.Fault
	var names []string
	for i, n := range c.Nodes {
		path := fmt.Sprintf("%s.nodes[%d]", at, i)
		switch {
		case n.Name == "":
			faults = append(faults, pointsman.Fault{Path: path + ".name", Text: "a node needs a name"})
		case slices.Contains(names, n.Name):
			faults = append(faults, pointsman.Fault{Path: path + ".name", Text: fmt.Sprintf("%q is configured twice", n.Name)})
		}
		for _, other := range names {
			if n.Name != other && slotName(n.Name) == slotName(other) && len(c.NodeHook.Command) > 0 {
				faults = append(faults, pointsman.Fault{Path: path + ".name", Text: fmt.Sprintf("%q and %q have the same replication slot, %s: each would use the other's", other, n.Name, slotName(n.Name))})
			}
		}
		names = append(names, n.Name)
		faults = append(faults, n.Address.validate(path, true)...)
	}
	return faults
}

func (c Cluster) validateProbes(at string) []pointsman.Fault {
	var faults []pointsman.Fault
	var names []string
	for i, p := range c.Probes {
		path := fmt.Sprintf("%s.probes[%d]", at, i)
		fault := func(field, text string) { faults = append(faults, pointsman.Fault{Path: path + field, Text: text}) }
		if u, err := url.Parse(p.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			fault(".url", "an http or https URL of the probe is needed") // not echoed: it may hold a password
		}
		if p.CAFile != "" && !strings.HasPrefix(p.URL, "https:") {
			fault(".ca_file", "there is no certificate to check without https in url")
		}
		if p.Name == "" || slices.Contains(names, p.Name) {
			fault(".name", "a probe needs a name of its own: each vantage point counts once")
		}
		names = append(names, p.Name)
		if (p.Token == "") == (p.TokenFile == "") {
			fault("", "set token_file, or token, and not both")
		}
	}
	return faults
}

// node finds a node by name.
func (c Cluster) node(name string) (Node, bool) {
	for _, n := range c.Nodes {
		if n.Name == name {
			return n, true
		}
	}
	return Node{}, false
}

func (c Cluster) nodeNames() []string {
	var out []string
	for _, n := range c.Nodes {
		out = append(out, n.Name)
	}
	return out
}
