package actions

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pointsman/pointsman"
)

func inMode(m pointsman.Mode) func(*pointsman.Proposal) {
	return func(p *pointsman.Proposal) { byPerson(p); p.Mode = m }
}

func TestADrillNeedsATargetThatSaysSo(t *testing.T) {
	story(t, func(w *world) {
		w.cat.runbook.Modes = []pointsman.Mode{pointsman.ModeIncident, pointsman.ModeDrill}
		no := "G35 HARD: no drill may run on yard/north: its configuration does not say drills: true [set drills: true at the target, if an exercise may change it]"
		w.wantFacts(w.resolved(inMode(pointsman.ModeDrill)), no)
		w.wantFacts(w.resolved(inMode(pointsman.ModeIncident)))
		w.drills = true
		plan := w.wantFacts(w.resolved(inMode(pointsman.ModeDrill)))
		incident := w.resolved(inMode(pointsman.ModeIncident))
		if raw, _ := plan.Encode(); plan.Mode != pointsman.ModeDrill || pointsman.Digest(raw) == pointsman.Digest(incident.Plan) {
			t.Error("an approval of the drill would be one of the real thing")
		}
		if asked := w.resolved(func(p *pointsman.Proposal) { p.Mode = pointsman.ModeDrill }); !strings.Contains(string(asked.Plan), `"mode":"incident"`) {
			t.Error("an alert got a drill")
		}
	})
}

func TestADrillWhosePermissionIsGoneDoesNotStart(t *testing.T) {
	story(t, func(w *world) {
		w.cat.runbook.Modes = []pointsman.Mode{pointsman.ModeDrill}
		w.drills = true
		stop := w.work("a")
		w.do(pointsman.Request{Key: "yard", By: pointsman.Actor{Person: ben, Door: pointsman.DoorCLI}, Reason: "exercise", Offer: pointsman.Offer{
			Runbook: "switch-track", Title: "Switch the track", Target: north, Params: map[string]string{"yard": "north"}, Mode: pointsman.ModeDrill,
		}})
		synctest.Wait()
		stop()
		w.approve(w.ledger.states["INC-1"].Proposals[0])
		w.drills = false
		defer w.work("b")()
		synctest.Wait()
		w.wantRun(pointsman.RunVoided, "no drill may run on yard/north")
		if w.fence.times()+w.throw.times() != 0 {
			t.Fatal("an exercise changed something")
		}
	})
}

func TestOnlyPlannedWorkWaitsForItsWindow(t *testing.T) {
	story(t, func(w *world) {
		w.drills = true
		w.cat.runbook.Modes = pointsman.Modes()
		w.guards.Targets = []TargetGuards{{Target: "yard/north", OnlyWithin: []Window{{Name: "sunday", Days: []string{"sun"}, From: "02:00", To: "05:00"}}}}
		for _, m := range []pointsman.Mode{pointsman.ModeIncident, pointsman.ModeDrill} {
			w.wantFacts(w.resolved(inMode(m)))
		}
		if got := guarded(w.resolved(inMode(pointsman.ModePlanned)).Facts); !strings.Contains(got, "planned work on yard/north runs only within its windows") {
			t.Error(got)
		}
		w.cat.runbook.Modes = []pointsman.Mode{pointsman.ModeIncident}
		if res := w.resolved(inMode(pointsman.ModePlanned)); res.Problem != "no plan can be made: switch-track does not run in mode planned; its file permits incident, under modes" || res.Plan != nil {
			t.Error(res.Problem)
		}
	})
}
