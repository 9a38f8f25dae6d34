package postgres

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestNodeTasks_tell_the_time_by_the_clock_of_the_nodes_machine: how far it is from ours nobody needs to know.
func TestNodeTasks_tell_the_time_by_the_clock_of_the_nodes_machine(t *testing.T) {
	t.Parallel()
	asked := time.Now()
	hourAhead, err := clockOf(strconv.FormatInt(asked.Add(time.Hour).Unix(), 10), asked, asked.Add(500*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithDeadline(t.Context(), asked.Add(30*time.Second))
	defer cancel()
	for step, want := range map[string][2]int64{
		nodeAgain: {27, 30}, // never later than the deadline
		nodeStop:  {30, 33}, // never earlier
	} {
		env := nodeTask{step: step, clock: hourAhead}.within(ctx)
		i := slices.IndexFunc(env, func(s string) bool { return strings.HasPrefix(s, "POINTSMAN_UNTIL=") })
		if i < 0 {
			t.Fatalf("%s: %q", step, env)
		}
		at, err := strconv.ParseInt(strings.TrimPrefix(env[i], "POINTSMAN_UNTIL="), 10, 64)
		if until := at - asked.Add(time.Hour).Unix(); err != nil || until < want[0] || until > want[1] {
			t.Errorf("%s: until %d s after it was asked, want %d to %d, %v", step, until, want[0], want[1], err)
		}
	}
	if env := (nodeTask{step: nodeInspect}).within(ctx); len(env) != 1 {
		t.Errorf("a clock that nobody knows: %q", env)
	}
	if _, err := clockOf("soon", asked, asked); err == nil {
		t.Error("soon is a time")
	}
}
