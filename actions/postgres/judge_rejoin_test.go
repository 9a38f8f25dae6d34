package postgres

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// fallen is the situation after a failover: pg-1 is stopped and has 1000 bytes that pg-2, primary on timeline 2, never had.
func fallen() rejoining {
	s := dead()
	s.set(primary("pg-2", 2, 0x6000000))
	s.Sample = Sample{}
	s.Cluster.NodeHook.Command = []string{"hook", "{node}"}
	return rejoining{Situation: s, node: "pg-1", found: Inspection{
		Contract: hookContract, State: "in production", SystemID: "7001", Timeline: 1, Fork: 0x5000000, Last: 0x50003E8, Commits: 3, Counted: true, Rewindable: true,
	}}
}

func TestJudgeRejoin(t *testing.T) {
	t.Parallel()
	bound := func(max float64) []pointsman.Bound { return []pointsman.Bound{{Name: DivergedBytes, Max: max}} }
	for name, c := range map[string]struct {
		change func(*rejoining)
		want   string // of the first refusal; "" when only acceptance is needed
	}{
		"divergence_needs_acceptance":              {func(*rejoining) {}, ""},
		"accepted_figure_is_enough":                {func(j *rejoining) { j.applying, j.accepted = true, bound(1000) }, ""},
		"more_than_accepted_is_refused":            {func(j *rejoining) { j.applying, j.accepted = true, bound(999) }, "3 committed transactions that pg-2 never had: 1,000 B"},
		"commits_that_nobody_counted_are_not_none": {func(j *rejoining) { j.applying, j.found.Commits, j.found.Counted = true, 0, false }, "pg-1 wrote an unknown number of committed transactions that pg-2 never had: 1,000 B"},
		"no_divergence_needs_nothing":              {func(j *rejoining) { j.found.Last = j.found.Fork }, ""},
		"unknown_fork_is_never_no_divergence":      {func(j *rejoining) { j.found.Fork = 0 }, "it cannot be told whether pg-1 has WAL that pg-2 never had"},
		"unknown_end_is_never_no_divergence":       {func(j *rejoining) { j.found.Last = 0 }, "it cannot be told whether pg-1 has WAL that pg-2 never had"},
		"hook_that_fails_is_never_no_divergence":   {func(j *rejoining) { j.fault = errors.New("no route") }, "the data of pg-1 could not be inspected: no route"},
		"no_checksums_no_rewind":                   {func(j *rejoining) { j.found.Rewindable = false }, "pg_rewind cannot find what changed"},
		"two_promotions_to_one_number":             {func(j *rejoining) { j.found.Timeline = 2 }, "pg-1 was a primary on timeline 2 itself"},
		"other_branch_of_one_number":               {func(j *rejoining) { *j = strayed(); j.found.History = "other" }, "pg-1 came to timeline 2 otherwise than pg-2"},
		"branch_that_nobody_knows":                 {func(j *rejoining) { *j = strayed(); j.found.History = "" }, "whether timeline 2 of pg-1 is that of pg-2 cannot be told"},
		"older_timeline_of_another_branch": {func(j *rejoining) {
			j.set(primary("pg-2", 3, 0x6000000))
			j.found.Timeline, j.found.History = 2, "other"
		}, "pg-1 came to timeline 2 otherwise than pg-2"},
		"node_newer_than_the_primary":                {func(j *rejoining) { j.found.Timeline = 3 }, "the node is newer than the primary"},
		"another_cluster":                            {func(j *rejoining) { j.found.SystemID = "7002" }, "they are different clusters"},
		"machine_says_that_it_runs":                  {func(j *rejoining) { j.found.Running = true }, "the server of pg-1 runs by its machine's word"},
		"hung_node":                                  {func(j *rejoining) { j.old(Hung, Hung); j.fault = errors.New("no route") }, "it cannot be told whether pg-1 is stopped"},
		"cut_off_node_that_its_machine_saw_down":     {func(j *rejoining) { j.old(Unreachable, Hung) }, ""},
		"seen_writable_from_elsewhere":               {func(j *rejoining) { j.old(Unreachable, Writable) }, "split brain"},
		"full_node_may_be_a_primary":                 {func(j *rejoining) { j.old(Full, Full) }, "it may be a primary"},
		"fenced_node_runs_as_a_primary":              {func(j *rejoining) { j.old(Fenced, Fenced) }, "it may be a primary"},
		"nobody_to_follow":                           {func(j *rejoining) { j.set(standby("pg-2", 1)) }, "nothing to catch up with"},
		"no_hook":                                    {func(j *rejoining) { j.Cluster.NodeHook.Command = nil }, "no node_hook is configured"},
		"divergence_after_a_planned_switch":          {func(j *rejoining) { j.moves = true }, "3 committed transactions that pg-2 never had"},
		"accepted_divergence_after_a_planned_switch": {func(j *rejoining) { j.moves, j.applying, j.accepted = true, true, bound(1000) }, "3 committed transactions that pg-2 never had"},
		"primary_still_when_its_turn_has_come": {func(j *rejoining) {
			j.moves, j.applying = true, true
			j.set(primary("pg-1", 1, 0x6000000))
			j.set(standby("pg-2", 1))
		}, "pg-1 takes writes"},
		"failover_leaves_the_old_primary_alone": {func(j *rejoining) { j.promotes = true }, "in the run that promotes another node"},
		"hook_of_an_older_version":              {func(j *rejoining) { j.found.Contract = 0 }, "the node hook of pg-1 is an older one, of contract 1, and this Pointsman needs 2"},
		"half_a_rewind":                         {func(j *rejoining) { j.found.Broken = "half" }, "cannot be used: half"},
		"rewind_under_way": {func(j *rejoining) {
			j.found.Busy, j.found.Broken, j.found.Fork, j.found.Last = "a pg_rewind of it is under way", "a pg_rewind of it is under way", 0, 0
		}, "the data of pg-1 is being changed: a pg_rewind of it is under way"},
		"standby_with_followers":                   {func(j *rejoining) { r := standby("pg-1", 1); r.Followers = 2; j.set(r) }, "pg-1 has 2 walsenders, limit 0"},
		"standby_that_follows_somebody_else_is_ok": {func(j *rejoining) { j.set(standby("pg-1", 1)); j.found.Running, j.found.Last = true, j.found.Fork }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fallen()
			c.change(&j)
			no := pointsman.Refusals(j.judge().Facts)
			switch {
			case c.want == "" && len(no) > 0:
				t.Errorf("refused: %s", no[0].Sentence())
			case c.want != "" && (len(no) == 0 || !strings.Contains(no[0].Sentence(), c.want)):
				t.Errorf("refusals %+v, want %q", no, c.want)
			}
		})
	}
}

// strayed is a standby on the primary's own timeline that does not stream: there is no fork, so nothing to rewind.
func strayed() rejoining {
	j := fallen()
	r := standby("pg-1", 0x5F00000)
	r.Timeline = 2
	j.set(r)
	j.found = Inspection{Contract: hookContract, State: "in archive recovery", SystemID: "7001", Timeline: 2, History: "same", Running: true, Last: r.Replay}
	return j
}

func TestRejoin_reckons_no_rewind_where_there_is_no_fork(t *testing.T) {
	t.Parallel()
	j := strayed() // without checksums and without wal_log_hints, which a rewind alone would need
	for _, applying := range []bool{false, true} {
		j.applying = applying
		ev := j.judge()
		if no := pointsman.Refusals(ev.Facts); len(no) > 0 {
			t.Errorf("refused: %s", no[0].Sentence())
		}
		if len(ev.Bounds) > 0 || len(pointsman.Acknowledgements(ev.Facts)) > 0 {
			t.Errorf("it asks to accept %+v", ev.Bounds)
		}
	}
}

func TestRejoin_tells_commits_that_nobody_counted_as_unknown(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ line, want string }{
		{"", "with an unknown number of commits is kept"},
		{"lost_commits=", "with an unknown number of commits is kept"},
		{"lost_commits=0", "with 0 commits is kept"},
		{"lost_commits=2", "with 2 commits is kept"},
	} {
		c := Cluster{NodeHook: NodeHook{Timeout: time.Minute, Command: []string{"/bin/sh", "-c", `printf '%s\n' timeline=1 checkpoint_lsn=0/1 fork_lsn=0/5000000 last_lsn=0/50003E8 "$1"`, "hook", tc.line}}}
		found, err := c.inspect(t.Context(), "pg-1", Reading{})
		if err != nil {
			t.Fatal(err)
		}
		if note := (RejoinMemo{Rewound: true}).counted(found).note(); !strings.Contains(note, tc.want) {
			t.Errorf("%q: note %q, want %q", tc.line, note, tc.want)
		}
	}
	// A memo of before says nothing of it, and means what it meant.
	if note := (RejoinMemo{Rewound: true, Commits: 3}).note(); !strings.Contains(note, "with 3 commits is kept") {
		t.Errorf("note %q", note)
	}
}

func TestRejoin_chooses_a_lost_standby_before_a_stopped_primary(t *testing.T) {
	t.Parallel()
	j := fallen()
	if got := j.choose(); got != "pg-1" {
		t.Errorf("chose %q, want the stopped pg-1", got)
	}
	j.set(standby("pg-3", 0x5000000))
	if got := j.choose(); got != "pg-3" {
		t.Errorf("chose %q, want pg-3, which runs and follows nobody", got)
	}
	follows := func(name string) {
		r := standby(name, 0x6000000)
		r.Timeline, r.Receiver.Status = 2, "streaming"
		j.set(r)
	}
	follows("pg-3")
	follows("pg-1")
	if got := j.choose(); got != "" || !j.nobody().Already {
		t.Errorf("chose %q, want nobody: all follow", got)
	}
}

func TestValues_passes_over_what_is_not_a_value(t *testing.T) {
	t.Parallel()
	got := values("hello\n a = b=c \n=\nlast=1")
	if got["a"] != "b=c" || got["last"] != "1" || len(got) != 3 {
		t.Errorf("values %v", got)
	}
}
