package patroni

import (
	"encoding/json"
	"slices"
	"time"
)

// Self is what a member says about itself: GET /patroni.
type Self struct {
	State    string `json:"state"`    // "running", "streaming" (newer replicas), "starting", "stopped" ...
	Role     string `json:"role"`     // "master" before 4.0, "primary" since; "replica", "standby_leader"
	Timeline int    `json:"timeline"` // by the WAL and not by the control file, which stays behind after a promotion
	SystemID string `json:"database_system_identifier"`
	Xlog     struct {
		Location int64 `json:"location"` // of a primary
		Received int64 `json:"received_location"`
		Replayed int64 `json:"replayed_location"`
	} `json:"xlog"`
	Replication []struct {
		Name  string `json:"application_name"` // Patroni gives each member its own name
		State string `json:"state"`
	} `json:"replication"`
	Tags           Tags `json:"tags"`
	Paused         bool `json:"pause"`
	PendingRestart bool `json:"pending_restart"`
	WatchdogFailed bool `json:"watchdog_failed"`
	Patroni        struct {
		Version string `json:"version"`
		Scope   string `json:"scope"`
	} `json:"patroni"`
}

// Primary reports whether the member's server takes writes, as far as the member knows.
func (s Self) Primary() bool {
	return (s.Role == "master" || s.Role == "primary") && Running(s.State)
}

// StreamsTo reports whether the server sends its WAL to the named member.
func (s Self) StreamsTo(member string) bool {
	for _, r := range s.Replication {
		if r.Name == member && r.State == "streaming" {
			return true
		}
	}
	return false
}

// Running accepts both names: since 3.1 a replica that streams says "streaming".
func Running(state string) bool { return state == "running" || state == "streaming" }

// Tags are a member's tags. Their values are free, also in type.
type Tags map[string]any

// On reports whether a tag is set to something that Patroni takes for true.
func (t Tags) On(name string) bool {
	switch v := t[name].(type) {
	case bool:
		return v
	case string:
		return slices.Contains([]string{"true", "on", "yes", "1"}, v)
	case float64:
		return v != 0
	}
	return false
}

// View is what a member says about the whole cluster: GET /cluster, read from the DCS at that moment.
type View struct {
	Members   []Seen `json:"members"`
	Paused    bool   `json:"pause"`
	Scheduled *struct {
		At   string `json:"at"`
		From string `json:"from"`
		To   string `json:"to"`
	} `json:"scheduled_switchover"`
}

// Seen is one member in a view.
type Seen struct {
	Name           string `json:"name"`
	Role           string `json:"role"` // leader, replica, sync_standby, quorum_standby, standby_leader
	State          string `json:"state"`
	Timeline       int    `json:"timeline"`
	Lag            Lag    `json:"lag"`
	PendingRestart bool   `json:"pending_restart"`
	Tags           Tags   `json:"tags"`
}

// Replica reports whether the member is one, synchronous or not.
func (s Seen) Replica() bool { return s.Role == "replica" || s.Synchronous() }

// Synchronous reports whether commits wait for the member.
func (s Seen) Synchronous() bool { return s.Role == "sync_standby" || s.Role == "quorum_standby" }

// Lag is how many bytes a member is behind. Patroni writes a number, or "unknown", which is not zero.
type Lag struct {
	Bytes int64
	Known bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *Lag) UnmarshalJSON(raw []byte) error {
	*l = Lag{}
	if raw[0] == '"' || string(raw) == "null" {
		return nil
	}
	if err := json.Unmarshal(raw, &l.Bytes); err != nil {
		return err
	}
	l.Known = true
	return nil
}

// Leader is the member that holds the leader's key; empty when nobody does.
func (v View) Leader() Seen {
	for _, m := range v.Members {
		if m.Role == "leader" || m.Role == "standby_leader" || m.Role == "master" {
			return m
		}
	}
	return Seen{}
}

func (v View) member(name string) (Seen, bool) {
	i := slices.IndexFunc(v.Members, func(m Seen) bool { return m.Name == name })
	if i < 0 {
		return Seen{}, false
	}
	return v.Members[i], true
}

// Promotion is one line of GET /history: the timeline that ended, and who led after it.
type Promotion struct {
	Timeline int       // that ended
	At       time.Time // zero where it is not told
	Leader   string    // of the new timeline; empty where it is not told
}

// UnmarshalJSON reads [timeline, lsn, reason, time, leader], of which the last two may be missing.
func (p *Promotion) UnmarshalJSON(raw []byte) error {
	var line []json.RawMessage
	if err := json.Unmarshal(raw, &line); err != nil {
		return err
	}
	*p = Promotion{}
	if len(line) > 0 {
		if err := json.Unmarshal(line[0], &p.Timeline); err != nil {
			return err
		}
	}
	var at string
	if len(line) > 3 && json.Unmarshal(line[3], &at) == nil {
		if t, err := time.Parse(time.RFC3339Nano, at); err == nil {
			p.At = t.UTC()
		}
	}
	if len(line) > 4 {
		_ = json.Unmarshal(line[4], &p.Leader) // what is no name is not told
	}
	return nil
}

// settings are the parts of GET /config that matter here.
type settings struct {
	LoopWait    int  `json:"loop_wait"` // seconds
	TTL         int  `json:"ttl"`
	Synchronous bool `json:"synchronous_mode"`
}
