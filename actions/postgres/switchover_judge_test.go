package postgres

import (
	"errors"
	"slices"
	"testing"

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
