package patroni

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/actions/postgres/dsn"
)

// The defaults of a cluster's settings.
const (
	DefaultReadTimeout    = 2 * time.Second // well under the engine's deadline for a check
	DefaultLag            = 1 << 20         // Patroni's own maximum_lag_on_failover
	DefaultHeartbeatTable = postgres.DefaultHeartbeatTable
)

// Config is the list targets.patroni.
type Config []Cluster

// Cluster is one cluster that Patroni runs.
type Cluster struct {
	Name        string   `yaml:"name"`
	Environment string   `yaml:"environment"`
	Match       []string `yaml:"match"`  // Alertmanager matchers: labels only select a configured target
	Drills      bool     `yaml:"drills"` // exercises may change it like an outage would
	// Scope is Patroni's own name of the cluster; a member that says another one is never acted on.
	Scope   string   `yaml:"scope"`
	Members []Member `yaml:"members"`
	// Username and the password go with requests that change something, and with no others.
	Username     string `yaml:"username"`
	Password     string `yaml:"password"`
	PasswordFile string `yaml:"password_file"` // read anew for each request
	CAFile       string `yaml:"ca_file"`       // of the members' certificates, where the system does not know it
	CertFile     string `yaml:"cert_file"`     // our client certificate, where the members ask for one
	KeyFile      string `yaml:"key_file"`
	// Clients is the address that applications use; the switchover is proven by a write through it where it is set.
	Clients        Clients `yaml:"clients"`
	HeartbeatTable string  `yaml:"heartbeat_table"` // columns id int primary key, at timestamptz, token text
	Limits         Limits  `yaml:"limits"`
	// Quorum is how many members must answer and name the same leader, more than half of them by default. The lost leader
	// does not count for a failover.
	Quorum      int           `yaml:"quorum"`
	ReadTimeout time.Duration `yaml:"read_timeout"` // for one member, 2 s by default
}

// Member is one Patroni, by its own name and the URL of its REST API.
type Member struct {
	Name string `yaml:"name"`
	URL  string `yaml:"url"`
}

// Clients is a connection string, or the file that holds it.
type Clients struct {
	DSN     string `yaml:"dsn"`
	DSNFile string `yaml:"dsn_file"`
}

// Limits are the figures above which a candidate is refused.
type Limits struct {
	Lag postgres.Size `yaml:"lag"` // 1 MiB by default
}

func (c Clients) empty() bool { return c.DSN == "" && c.DSNFile == "" }

// String never shows the connection string: it holds a password.
func (c Clients) String() string {
	if c.DSNFile != "" {
		return "dsn_file " + c.DSNFile
	}
	return "dsn"
}

// GoString keeps %#v from showing it either.
func (c Clients) GoString() string { return c.String() }

// WithDefaults fills in what is not set.
func (c Cluster) WithDefaults() Cluster {
	if c.ReadTimeout == 0 {
		c.ReadTimeout = DefaultReadTimeout
	}
	if c.Limits.Lag == 0 {
		c.Limits.Lag = DefaultLag
	}
	if c.Quorum == 0 {
		c.Quorum = len(c.Members)/2 + 1
	}
	if c.HeartbeatTable == "" {
		c.HeartbeatTable = DefaultHeartbeatTable
	}
	c.HeartbeatTable = dsn.Table(c.HeartbeatTable)
	return c
}

// identifier is what may be written into SQL: a table name, perhaps with a schema.
var identifier = regexp.MustCompile(`^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$`)

// Validate reports everything that is wrong with the list, without connecting or reading files.
func (c Config) Validate() []pointsman.Fault {
	var faults []pointsman.Fault
	var names []string
	for i, cluster := range c {
		fault := func(path, format string, args ...any) {
			faults = append(faults, pointsman.Fault{Path: fmt.Sprintf("[%d]%s", i, path), Text: fmt.Sprintf(format, args...)})
		}
		switch {
		case cluster.Name == "":
			fault(".name", "a cluster needs a name")
		case slices.Contains(names, cluster.Name):
			fault(".name", "%q is configured twice", cluster.Name)
		}
		names = append(names, cluster.Name)
		cluster.validate(fault)
		cluster.validateMembers(fault)
	}
	return faults
}

func (c Cluster) validate(fault func(path, format string, args ...any)) {
	if c.Scope == "" {
		fault(".scope", "Patroni's scope of the cluster is needed: members of another one are refused by it")
	}
	if c.HeartbeatTable != "" && !identifier.MatchString(c.HeartbeatTable) {
		fault(".heartbeat_table", "%q is no lower-case table name, such as pointsman_heartbeat", c.HeartbeatTable)
	}
	if c.Password != "" && c.PasswordFile != "" {
		fault("", "set password_file or password, not both")
	}
	if given := c.Password != "" || c.PasswordFile != ""; given != (c.Username != "") {
		fault("", "username and password_file belong together; give both or none")
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		fault(".cert_file", "cert_file and key_file belong together; give both or none")
	}
	if c.Quorum < 0 || c.Quorum > len(c.Members) {
		fault(".quorum", "%d members are asked for, there are %d", c.Quorum, len(c.Members))
	}
	if c.ReadTimeout < 0 {
		fault(".read_timeout", "%s is negative", c.ReadTimeout)
	}
	switch {
	case c.Clients.DSN != "" && c.Clients.DSNFile != "":
		fault(".clients", "set dsn_file or dsn, not both")
	case c.Clients.DSN != "":
		if _, err := dsn.Parse(c.Clients.DSN); err != nil {
			fault(".clients.dsn", "%v", err)
		}
	}
}

func (c Cluster) validateMembers(fault func(path, format string, args ...any)) {
	if len(c.Members) < 2 {
		fault(".members", "%s, a switchover needs at least 2", pointsman.Count(len(c.Members), "member"))
	}
	var names []string
	for i, m := range c.Members {
		path := fmt.Sprintf(".members[%d]", i)
		if m.Name == "" || slices.Contains(names, m.Name) {
			fault(path+".name", "a member needs a name of its own, the one that Patroni knows it by")
		}
		names = append(names, m.Name)
		u, err := url.Parse(m.URL)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			fault(path+".url", "the URL of its REST API is needed, such as https://pg-1.example:8008") // not echoed: it may hold a password
		case u.User != nil:
			fault(path+".url", "a password does not belong into the URL; set username and password_file")
		}
	}
}

func (c Cluster) member(name string) (Member, bool) {
	i := slices.IndexFunc(c.Members, func(m Member) bool { return m.Name == name })
	if i < 0 {
		return Member{}, false
	}
	return c.Members[i], true
}

func (c Cluster) names() []string {
	var out []string
	for _, m := range c.Members {
		out = append(out, m.Name)
	}
	return out
}
