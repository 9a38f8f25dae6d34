package postgres

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/pointsman/pointsman"
)

// hookContract is the contract of docs/actions/postgres.rejoin.md that a node hook must keep. Users copy the hook to their nodes,
// and an old copy stays there when Pointsman is updated: nothing is asked of one that would not do what we rely on. Since 2 it tells
// the attempts of a switchover apart, goes by its own clock, and copies WAL that has changed since it was kept.
const hookContract = 2

// keeps is about the contract of the hook that answered.
func (in Inspection) keeps(f pointsman.Fact, node string) (pointsman.Fact, bool) {
	if in.Contract >= hookContract {
		return f, true
	}
	f.Result, f.Value = pointsman.Fail, fmt.Sprintf("contract %d", max(in.Contract, 1))
	f.Text = fmt.Sprintf("the node hook of %s is an older one, of contract %d, and this Pointsman needs %d: an order that arrives late could start a second primary, and WAL could be lost",
		node, max(in.Contract, 1), hookContract)
	f.Clears = "copy the newest postgres-node.sh to " + node + "; what a hook of your own must do is in docs/actions/postgres.rejoin.md"
	return f, false
}

// farClock is how far the clock of a node's machine is ahead of ours: not exactly, because it was asked and took its time to answer.
type farClock struct {
	least, most time.Duration
	told        bool
}

// clockOf reads seconds since 1970 as another machine told them between two times of ours.
func clockOf(text string, asked, answered time.Time) (farClock, error) {
	if text == "" {
		return farClock{}, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return farClock{}, fmt.Errorf("clock: %w", err)
	}
	at := time.Unix(seconds, 0)
	return farClock{least: at.Sub(answered), most: at.Add(time.Second).Sub(asked), told: true}, nil
}

// within tells the hook how long it has. One that we cannot kill, because it runs on another machine, must not start a server later
// than that: a successor may have promoted another one. The seconds count from its own start, which says nothing of an order that
// arrives late; so it is told the time by its own clock, too. A stop has little time, and whoever takes it back tells the hook that
// one which is late was given up: so it is told what is left at most.
func (t nodeTask) within(ctx context.Context) []string {
	deadline, ok := ctx.Deadline()
	if !ok {
		return nil
	}
	left, until := math.Floor(time.Until(deadline).Seconds()), deadline.Add(t.clock.least).Unix()
	if t.step == nodeStop {
		left, until = math.Ceil(time.Until(deadline).Seconds()), deadline.Add(t.clock.most).Unix()+1
	}
	env := []string{"POINTSMAN_WITHIN=" + strconv.Itoa(max(0, int(left)))}
	if t.clock.told {
		env = append(env, "POINTSMAN_UNTIL="+strconv.FormatInt(until, 10))
	}
	return env
}
