package sim

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// operates is somebody who pauses, resumes and aborts runs at work, at any moment.
func (w *world) operates(ctx context.Context, r pointsman.Run) {
	verb := pointsman.Verb("")
	switch n := w.draw(40, "operate", r.ID); {
	case r.State == pointsman.RunPaused && n < 12:
		verb = pointsman.VerbResume
	case r.HeldUndo && n < 24 && w.since() < w.storm:
		verb = pointsman.VerbResume
	case r.State == pointsman.RunPaused && n < 14:
		verb = pointsman.VerbAbort
	case (r.State == pointsman.RunRunning || r.State == pointsman.RunWaiting) && n < 5 && w.since() < w.storm:
		verb = []pointsman.Verb{pointsman.VerbPause, pointsman.VerbStop, pointsman.VerbPause, pointsman.VerbResume, pointsman.VerbAbort}[n]
	}
	if verb != "" {
		_, _ = w.give(ctx, pointsman.Steer{Run: r.ID, Verb: verb, Reason: "test", By: by(ana)})
	}
}

// Undo takes the effect back; it heeds its context and loses requests and answers like Apply.
func (l lever) Undo(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	l.stand(ctx, "undo", in.Key)
	switch {
	case ctx.Err() != nil:
		return actions.Outcome{}, ctx.Err()
	case l.strikes(10, "undo never arrived", l.name):
		return actions.Outcome{}, errors.New("connection refused")
	case l.strikes(5, "undo refused", l.name):
		return actions.Outcome{}, actions.Refuse("a train is on the points")
	}
	run := strings.Join(strings.Split(in.Key, "/")[:2], "/")
	l.mu.Lock()
	l.undone[in.Key]++
	n, thrown := l.undone[in.Key], 0
	for key, effects := range l.effects {
		if strings.HasPrefix(key, run+"/") && key > in.Key && !l.sanded(key) {
			thrown += effects - l.undone[key]
		}
	}
	l.mu.Unlock()
	if n > 1 {
		l.violated("I3: %s was undone %d times", in.Key, n)
	}
	if thrown > 0 {
		l.violated("%s was undone while a later effect of %s stands", in.Key, run)
	}
	l.stand(ctx, "undid", in.Key)
	if l.strikes(10, "undo answer lost", l.name) {
		return actions.Outcome{}, errors.New("connection reset")
	}
	return actions.Outcome{Note: "taken back"}, nil
}

// Undone sees as well and as badly as Verify.
func (l lever) Undone(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	ev, err := l.Verify(ctx, in)
	ev.Holds = err == nil && !ev.Holds
	return ev, err
}

// holds is whether the effect is there and was not taken back.
func (l lever) holds(in actions.Input) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.effects[in.Key] > l.undone[in.Key] && l.flaw != flawBlind
}

// halts: I12 by the log alone. From the moment at which somebody said pause, stop or abort, until a person takes it back
// or the run is parked, no intent of the run is committed.
func (j *ruling) halts(ev pointsman.Event) {
	switch ev.Type {
	case pointsman.EvRunWished:
		var w pointsman.Wish
		if err := json.Unmarshal(ev.Data, &w); err != nil {
			j.violated("the wish for %s cannot be read: %v", ev.Run, err)
		}
		j.halting[ev.Run] = w.Verb != pointsman.VerbAbort
		j.told[ev.Run] = w.Verb == pointsman.VerbAbort || !j.told[ev.Run] // a second one takes the first back
	case pointsman.EvRunPaused, pointsman.EvRunUndoing:
		j.told[ev.Run], j.halting[ev.Run] = true, false
	case pointsman.EvRunParked:
		j.told[ev.Run] = false
	case pointsman.EvRunWaiting:
		if ev.Actor.Known() && strings.Contains(ev.Text, "resume by") {
			j.told[ev.Run] = false
		}
	case pointsman.EvStepStarted:
		if ev.Member > 0 && j.halting[ev.Run] {
			return // a pause waits for the group, which is one step
		}
		if j.told[ev.Run] {
			j.violated("I12: step %d of %s began after it was told to halt", ev.StepN, ev.Run)
		}
	}
}
