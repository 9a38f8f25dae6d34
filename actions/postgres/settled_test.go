package postgres

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettled_are_those_who_follow_the_primary(t *testing.T) {
	t.Parallel()
	c := Cluster{Nodes: []Node{{Name: "pg-1"}, {Name: "pg-2"}, {Name: "pg-3"}, {Name: "pg-4", ClusterName: "reports"}, {Name: "pg-5"}, {Name: "pg 6"}}}
	j := rejoining{Situation: Situation{Cluster: c}, node: "pg-1", followers: []follower{
		{Name: "pg-1", State: "streaming"},
		{Name: "pg-3", State: "streaming"},
		{Name: "reports", State: "streaming"},
		{Name: "pg-2", State: "backup"}, // a copy of the primary that is being made says nothing of who follows it
		{Name: "pg-5", State: "catchup"},
		{Name: "pg 6", State: "streaming"}, // the hook is a shell script: it would take that for two
		{Name: "somebody", State: "streaming"},
	}}
	if diff := cmp.Diff([]string{"pg-3", "pg-4", "pg-5"}, j.settled()); diff != "" {
		t.Error(diff)
	}
	if env := (nodeTask{step: nodeStart, settled: j.settled()}).env(); !slices.Contains(env, "POINTSMAN_SETTLED=pg-3 pg-4 pg-5") {
		t.Errorf("the hook is not told: %v", env)
	}
}
