package killswitch

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres/dsn"
)

// The defaults of a switch.
const (
	DefaultTable      = "kill_switch_state"
	DefaultStaleAfter = 5 * time.Minute
	DefaultPoll       = 3 * time.Second
)

// Config is the list targets.killswitch.
type Config []Switch

// Switch is one row of a table with the columns id, engaged, reason and updated_at.
type Switch struct {
	Name        string   `yaml:"name"`
	Environment string   `yaml:"environment"`
	Drills      bool     `yaml:"drills"` // exercises may change it like an outage would
	Match       []string `yaml:"match"`  // Alertmanager matchers: labels only select a configured switch
	// DSN may name several hosts with target_session_attrs=read-write, so that it leads to the primary after a failover.
	DSN     string `yaml:"dsn"`
	DSNFile string `yaml:"dsn_file"` // read anew for each connection
	Table   string `yaml:"table"`    // kill_switch_state by default; schema.table if it is elsewhere
	ID      int64  `yaml:"id"`       // 1 by default
	// StaleAfter is the time without a successful read after which the switch counts as engaged, 5m by default.
	StaleAfter time.Duration `yaml:"stale_after"`
	Poll       time.Duration `yaml:"poll"` // between reads, 3s by default
}

// WithDefaults fills in what was left out.
func (s Switch) WithDefaults() Switch {
	if s.Table == "" {
		s.Table = DefaultTable
	}
	if s.ID == 0 {
		s.ID = 1
	}
	if s.StaleAfter == 0 {
		s.StaleAfter = DefaultStaleAfter
	}
	if s.Poll == 0 {
		s.Poll = DefaultPoll
	}
	return s
}

var identifier = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*(\.[a-zA-Z_][a-zA-Z0-9_]*)?$`)

// Validate reports everything that is wrong with the list, without connecting or reading files.
func (c Config) Validate() []pointsman.Fault {
	var faults []pointsman.Fault
	seen := map[string]bool{}
	for i, s := range c {
		fault := func(path, format string, args ...any) {
			faults = append(faults, pointsman.Fault{Path: fmt.Sprintf("[%d]%s", i, path), Text: fmt.Sprintf(format, args...)})
		}
		switch {
		case s.Name == "":
			fault(".name", "a kill switch needs a name")
		case seen[s.Name]:
			fault(".name", "%q is configured twice", s.Name)
		}
		seen[s.Name] = true
		switch {
		case s.DSN == "" && s.DSNFile == "":
			fault("", "set dsn_file, or dsn")
		case s.DSN != "" && s.DSNFile != "":
			fault("", "set dsn_file or dsn, not both")
		case s.DSN != "":
			if _, err := dsn.Parse(s.DSN); err != nil {
				fault(".dsn", "%v", err)
			}
		}
		if s.Table != "" && !identifier.MatchString(s.Table) {
			fault(".table", "%q is no table name such as %s or ops.%s", s.Table, DefaultTable, DefaultTable)
		}
		s = s.WithDefaults()
		if s.Poll < 100*time.Millisecond {
			fault(".poll", "%s, at least 100ms", s.Poll)
		}
		if s.StaleAfter < 2*s.Poll {
			fault(".stale_after", "%s is less than two reads, which come every %s: one slow answer would count as engaged", s.StaleAfter, s.Poll)
		}
	}
	return faults
}

// connect opens a session of its own: a kept one could stay with a server that is no primary any more.
func (s Switch) connect(ctx context.Context) (*pgx.Conn, error) {
	cfg, err := s.config()
	if err != nil {
		return nil, err
	}
	cfg.RuntimeParams["application_name"] = "pointsman"
	cfg.RuntimeParams["timezone"] = "UTC"            // also a column without time zone then means UTC
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec // no prepared statements: a pooler may stand in between
	return dsn.Beside(ctx, cfg)
}

// config returns the driver's configuration as it is now.
func (s Switch) config() (*pgx.ConnConfig, error) {
	return dsn.Read(s.DSN, s.DSNFile)
}

// table is the quoted name. Names are never built from anything but the configuration.
func (s Switch) table() string {
	return pgx.Identifier(strings.Split(s.Table, ".")).Sanitize()
}
