package postgres

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// TestJudgeSwitched_holds_only_where_the_poolers_were_looked_at: where they are to lead may stand in a file that cannot be read
// just then.
func TestJudgeSwitched_holds_only_where_the_poolers_were_looked_at(t *testing.T) {
	t.Parallel()
	w := switching{Situation: dead(), old: "pg-1", candidate: "pg-2", stage: stageAfter}
	w.set(primary("pg-2", 2, 0x6000000))
	memo := SwitchoverMemo{Old: "pg-1", Candidate: "pg-2", SystemID: "7001", Timeline: 1, Final: "0/1", Fork: "0/2"}
	if ev := w.judgeSwitched(memo); !ev.Holds {
		t.Fatalf("without poolers: %+v", ev.Facts)
	}
	w.journeyErr = errors.New("no such file")
	ev := w.judgeSwitched(memo)
	if ev.Holds || !slices.ContainsFunc(ev.Facts, func(f pointsman.Fact) bool {
		return f.Guard == "G18" && f.Text == "where the poolers lead cannot be told: no such file"
	}) {
		t.Errorf("holds %t: %+v", ev.Holds, ev.Facts)
	}
}

// TestHookFact_names_the_setting_that_gives_the_hook_more_time: with a longer check_timeout, and in Apply, it has 5 s and never more, so
// whoever raises check_timeout then is refused for ever.
func TestHookFact_names_the_setting_that_gives_the_hook_more_time(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fresh bool // in Apply
		had   time.Duration
		want  string
	}{
		"check_timeout_is_too_short":  {false, 2800 * time.Millisecond, "make the node hook's step inspect answer sooner, or raise timings.check_timeout; it never has more than 5.0 s"},
		"check_timeout_is_long":       {false, inspectWait, "make the node hook's step inspect answer within 5.0 s"},
		"the_step_has_time":           {true, inspectWait, "make the node hook's step inspect answer within 5.0 s"},
		"the_step's_time_nearly_over": {true, time.Second, "make the node hook's step inspect answer sooner, or raise the step's timeout; it never has more than 5.0 s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := switching{
				Situation: dead(), old: "pg-1", candidate: "pg-2", stage: stageBefore, ask: asking{hook: true, fresh: c.fresh},
				foundErr: context.DeadlineExceeded, foundIn: c.had,
			}
			w.Cluster.NodeHook.Command = []string{"hook"}
			if f := w.hookFact(); !f.Refuses() || f.Clears != c.want {
				t.Errorf("%q, want %q", f.Clears, c.want)
			}
		})
	}
}

// TestLadder_is_the_callers_own: the configuration is shared by all runs.
func TestLadder_is_the_callers_own(t *testing.T) {
	t.Parallel()
	c := dead().Cluster
	c.Fence.Ladder = []string{rungStop, rungNetwork}
	args := FenceArgs{Modes: []string{rungRevoke, rungPooler}}
	for _, ladder := range [][]string{c.ladder(FenceArgs{}), c.ladder(args)} {
		slices.Reverse(ladder)
	}
	if !slices.Equal(c.Fence.Ladder, []string{rungStop, rungNetwork}) || !slices.Equal(args.Modes, []string{rungRevoke, rungPooler}) {
		t.Errorf("%v, %v", c.Fence.Ladder, args.Modes)
	}
}
