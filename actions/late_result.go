package actions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pointsman/pointsman"
)

// lateLimit bounds how long a result that came too late is offered to the store.
const lateLimit = 5 * time.Second

// lateResult tells what an attempt came to whose outcome is not taken any more, because another process owns the run.
func (e *Engine) lateResult(ctx context.Context, cmd pointsman.Command, why error) {
	end, ok := cmd.(pointsman.EndStep)
	if ok && (conflict(why) || errors.Is(context.Cause(ctx), errFenced)) {
		e.tellLate(ctx, end)
	}
}

// cutOff tells how far an attempt came that lost its run while it was at work.
func (e *Engine) cutOff(ctx context.Context, end pointsman.EndStep, out Outcome, err error) {
	if !errors.Is(context.Cause(ctx), errFenced) {
		return // the process stops: nobody has taken the run over, and whoever does observes
	}
	end.Note = cmp.Or(out.Note, "it had been asked for")
	if err != nil {
		end.Note = err.Error()
	}
	e.tellLate(ctx, end)
}

func (e *Engine) tellLate(ctx context.Context, end pointsman.EndStep) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lateLimit)
	defer cancel()
	_, err := e.Ledger.Do(ctx, pointsman.TellLate{
		Run: end.Run, Step: end.Step, Attempt: end.Attempt, State: end.State, Note: end.Note, Facts: end.Facts,
		Once: fmt.Sprintf("late/%s/%d/%d/%d", end.Run, end.Step, end.Attempt, end.Epoch),
	})
	if err != nil {
		e.Log.Warn("result that came too late not stored", "run", end.Run, "step", end.Step, "state", end.State, "note", end.Note, "err", err)
	}
}
