package sim

import (
	"context"
	"fmt"
	"strings"

	"github.com/pointsman/pointsman"
)

// sees is a watch over the yard. It tells its alarm in the incident of the target; the run may be of the other one.
func (w *world) sees(ctx context.Context) {
	seen := pointsman.Report{Key: "target:yard/north", Target: yard, Title: "Two trains on one track", Severity: "critical"}
	switch n := w.draw(60, "the watch sees"); {
	case n == 0 && w.since() < w.storm:
		seen.What, seen.Text = pointsman.SeenAlarm, "2 trains are on the track, limit 1"
		seen.Nodes = []string{"train-1", fmt.Sprintf("train-%d", 2+w.draw(2, "which train is the second"))}
	case n < 12:
		seen.What, seen.Text = pointsman.SeenOver, "one train is on the track"
	default:
		return
	}
	_, _ = w.give(ctx, seen)
}

// alarms: by the log alone, a run that is open at an alarm begins nothing until a person says to it that it goes on.
func (j *ruling) alarms(ev pointsman.Event) {
	switch ev.Type {
	case pointsman.EvRunQueued:
		j.alarmed[ev.Run] = false // it was approved beside the alarm that there may be
	case pointsman.EvTargetAlarm:
		for run := range j.alarmed {
			j.alarmed[run] = true
		}
	case pointsman.EvRunWaiting, pointsman.EvRunUndoing:
		for _, verb := range []string{"retry", "accept", "resume"} {
			if ev.Actor.Known() && strings.Contains(ev.Text, ": "+verb+" by") {
				j.alarmed[ev.Run] = false
			}
		}
	case pointsman.EvRunStarted, pointsman.EvStepStarted, pointsman.EvStepUndoing:
		if j.alarmed[ev.Run] {
			j.violated("%s of %s beside an alarm of which nobody said that it goes on", ev.Type, ev.Run)
		}
	}
}
