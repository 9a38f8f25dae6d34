package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

const example = `
- name: orders
  environment: production
  match: ['cluster="orders"']
  database: app
  nodes:
    - {name: pg-1, dsn_file: /run/secrets/pg-1}
    - {name: pg-2, dsn: "postgres://u:secret@pg-2:5432/app", never_promote: true}
  clients: {dsn_file: /run/secrets/orders, more: [{dsn_file: /run/secrets/pooler-b}]}
  probes: [{name: probe-b, url: "https://probe-b.example:9097", token_file: /run/secrets/probe-b}]
  fence: {command: [/usr/local/bin/stop-node, "{node}"], timeout: 15s}
  limits: {lost_bytes: 16MiB, lost_time: 30s}
`

func TestConfig_reads_its_section(t *testing.T) {
	t.Parallel()
	var c Config
	if err := yaml.Unmarshal([]byte(example), &c); err != nil {
		t.Fatal(err)
	}
	if faults := c.Validate(); len(faults) > 0 {
		t.Errorf("faults %v", faults)
	}
	got := c[0].WithDefaults()
	if got.Limits.LostBytes != 16<<20 || got.Fence.Timeout != 15*time.Second || got.Quorum != 2 || got.HeartbeatTable != DefaultHeartbeatTable ||
		got.Nodes[0].DSNFile == "" || !got.Nodes[1].NeverPromote || len(got.Clients.More) != 1 || got.Clients.DSNFile == "" {
		t.Errorf("config %+v", got)
	}
	if text := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(text, "secret@") {
		t.Errorf("printing the configuration shows a password: %s", text)
	}
}

func TestValidate_names_every_fault_at_once(t *testing.T) {
	t.Parallel()
	bad := Config{{
		Name: "orders", HeartbeatTable: "beat; DROP TABLE x", Quorum: 5, ReadTimeout: -time.Second,
		Nodes: []Node{
			{Name: "pg-1", Address: Address{DSN: "postgres://u:canary@h:port/db"}}, {Name: "pg-1", Address: Address{DSN: "postgres://a:1,b:2/db"}}, {},
		},
		Probes: []Probe{{URL: "ftp://u:canary@x"}},
	}, {Name: "orders"}}
	var got []string
	for _, f := range bad.Validate() {
		got = append(got, f.Path)
		if strings.Contains(f.Error(), "canary") {
			t.Errorf("the fault shows a password: %v", f)
		}
	}
	want := []string{
		"[0].heartbeat_table", "[0].quorum", "[0].read_timeout", "[0].clients", "[0].nodes[0].dsn", "[0].nodes[1].name", "[0].nodes[1].dsn",
		"[0].nodes[2].name", "[0].nodes[2]", "[0].probes[0].url", "[0].probes[0].name", "[0].probes[0]",
		"[1].name", "[1].nodes", "[1].clients",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestValidate_finds_hooks_that_would_be_called_without_the_node(t *testing.T) {
	t.Parallel()
	var c Config
	if err := yaml.Unmarshal([]byte(example), &c); err != nil {
		t.Fatal(err)
	}
	c[0].Fence.Command = []string{"/usr/local/bin/stop-node", "--name={nodes}"}
	c[0].Fence.Network = []string{"/usr/local/bin/block", "{node}", "{why}"} // names it, and what else it means is its own
	c[0].NodeHook.Command = []string{"/usr/local/bin/on-node", "{host}"}
	var got []string
	for _, f := range c.Validate() {
		got = append(got, f.Error())
	}
	want := []string{
		"[0].fence.command: nothing takes the place of {nodes}; only {node} is replaced, by the node's name",
		"[0].node_hook.command: nothing takes the place of {host}; only {node} is replaced, by the node's name",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestValidate_finds_nodes_that_would_share_a_slot: the hook of the one would use, or drop, what the other reads from.
func TestValidate_finds_nodes_that_would_share_a_slot(t *testing.T) {
	t.Parallel()
	two := func(hook ...string) string {
		c := Cluster{Name: "orders", Nodes: []Node{{Name: "DB1", Address: Address{DSN: "host=a"}}, {Name: "PG1", Address: Address{DSN: "host=b"}}}, NodeHook: NodeHook{Command: hook}}
		return fmt.Sprint(c.validateNodes("[0]"))
	}
	if got, want := two("hook", "{node}"), `[0].nodes[1].name: "DB1" and "PG1" have the same replication slot, __1: each would use the other's`; !strings.Contains(got, want) {
		t.Errorf("%s, want %s", got, want)
	}
	if got := two(); strings.Contains(got, "slot") {
		t.Errorf("without a hook nobody makes slots: %s", got)
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Size{"1024": 1024, "16MiB": 16 << 20, "16MB": 16 << 20, "1 GiB": 1 << 30, "512kB": 512 << 10, "0": 0} {
		var s Size
		if err := s.UnmarshalText([]byte(in)); err != nil || s != want {
			t.Errorf("%q is %d, error %v, want %d", in, s, err, want)
		}
	}
	for _, in := range []string{"", "MiB", "-1", "16XB", "1.5GiB", "99999999999TiB"} {
		var s Size
		if err := s.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q was read as %d", in, s)
		}
	}
}

func TestSample_remembers_what_bounds_a_loss(t *testing.T) {
	t.Parallel()
	m := &memory{last: map[string]Sample{}, now: time.Now}
	s := dead()
	s.set(primary("pg-1", 1, 1000))
	m.saw(s)
	later := primary("pg-1", 1, 5000)
	later.At = now.Add(2 * time.Second)
	s.set(later)
	if got := m.saw(s); got.Rate != 2000 || got.LSN != 5000 || !got.LostAt.IsZero() {
		t.Errorf("healthy: %+v", got)
	}
	m.missed("orders", "pg-1", now.Add(3*time.Second))
	s.Probes = nil
	gone := Reading{Node: "pg-1", Sighting: seen(Hung)}
	gone.At = now.Add(7 * time.Second)
	s.set(gone)
	m.saw(s)
	gone.At = now.Add(time.Hour)
	s.set(gone)
	if got := m.saw(s); got.LSN != 5000 || !got.LostAt.Equal(now.Add(3*time.Second)) || !got.Silent {
		t.Errorf("gone: %+v, want the first unanswered question, and that it may write on", got)
	}
	s.set(primary("pg-2", 2, 6000))
	if got := m.saw(s); got.Primary != "pg-2" || got.Before != "pg-1" || got.Rate >= 0 {
		t.Errorf("promoted: %+v", got)
	}
	s.set(primary("pg-1", 1, 7000))
	if got := m.saw(s); got.Primary != "pg-2" || got.LSN != 6000 {
		t.Errorf("two writers taught something: %+v", got)
	}
}

// The last moment at which a primary can have taken a write is not that of its first silence: clients on its side of a
// partition write on. Only where it is seen stopped soon after do the figures stand.
func TestSample_of_a_silent_primary(t *testing.T) {
	t.Parallel()
	at := func(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }
	for _, tc := range []struct {
		reason string
		local  []State // second by second, from the first on
		far    []State
		addr   string // that the probe asks
		lost   time.Time
		silent bool
		stop   time.Time
	}{
		{reason: "refused_at_once", local: []State{Refused, Hung}, far: []State{Refused, Hung}, lost: at(1)},
		{reason: "one_broken_connection_and_then_refused", local: []State{Unreachable, Refused, Refused}, far: []State{Unsure, Unsure, Refused}, lost: at(2)},
		{reason: "silent", local: []State{Hung, Hung}, far: []State{Hung, Unreachable}, lost: at(1), silent: true},
		{reason: "refused_in_another_place", local: []State{Hung}, far: []State{Refused}, addr: "pg-1:5432", lost: at(1)},
		{reason: "refused_at_an_address_that_is_perhaps_another_servers", local: []State{Hung}, far: []State{Refused}, lost: at(1), silent: true},
		{reason: "refused_here_and_writable_there", local: []State{Refused, Refused}, far: []State{Writable, Writable}, lost: at(1), silent: true},
		{
			reason: "stopped_after_a_long_silence", local: []State{Hung, Hung, Hung, Hung, Hung, Hung, Refused, Refused}, far: slices.Repeat([]State{Hung}, 8),
			lost: at(1), silent: true, stop: at(7),
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			t.Parallel()
			m := &memory{last: map[string]Sample{}, now: time.Now}
			s := dead()
			s.set(primary("pg-1", 1, 1000))
			m.saw(s)
			s.Readings[0].Addr = "pg-1:5432"
			var got Sample
			for i := range tc.local {
				s.old(tc.local[i], tc.far[i])
				s.Readings[0].At, s.Readings[0].Addr = at(i+1), "pg-1:5432"
				s.Probes["pg-1"][0].Server.Addr = tc.addr
				got = m.saw(s)
			}
			if !got.LostAt.Equal(tc.lost) || got.Silent != tc.silent || !got.StoppedAt.Equal(tc.stop) {
				t.Errorf("lost at %s, silent %t, stopped at %s; want %s, %t, %s", got.LostAt, got.Silent, got.StoppedAt, tc.lost, tc.silent, tc.stop)
			}
		})
	}
}

// What an approver accepts of a silent primary is the same sentence at every look; only the shown figure grows.
func TestLoss_of_a_silent_primary_is_accepted_once(t *testing.T) {
	t.Parallel()
	var texts, values []string
	for _, later := range []time.Duration{0, time.Minute} {
		s := dead()
		s.old(Hung, Hung)
		s.Sample.Silent, s.At = true, now.Add(later)
		ev := s.Judge(Wish{})
		if len(ev.Bounds) != 0 {
			t.Errorf("bounds %+v of what nothing bounds", ev.Bounds)
		}
		for _, f := range ev.Facts {
			if f.Guard == "G5" && f.NeedsAcknowledgement() {
				texts, values = append(texts, f.Sentence()), append(values, f.Value)
			}
		}
	}
	if len(texts) != 4 || texts[0] != texts[2] || texts[1] != texts[3] {
		t.Errorf("the sentences change: %q", texts)
	}
	want := []string{"unknown (pg-1 fell silent, not seen stopped)", "unknown, up to 1.5 s so far", "unknown (pg-1 fell silent, not seen stopped)", "unknown, up to 1m 1s so far"}
	if diff := cmp.Diff(want, values); diff != "" {
		t.Error(diff)
	}
}
