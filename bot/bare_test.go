package bot

import (
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// A card that Slack refuses as too long leaves the one before it, with buttons that are over, for as long as the incident lasts.
func TestACardThatFitsInNoSizeIsDrawnWithoutItsLists(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		told   func(*tale) *tale
		button string // that must stay
	}{
		"waits for votes": {(*tale).ready, "deny"},
		"parked":          {(*tale).parked, "abort"},
		"asks": {func(s *tale) *tale {
			return s.steerableRun().stepEnds(0, pointsman.StepDone, "").stepEnds(1, pointsman.StepDone, "").losesMore()
		}, "retry"},
		"at a gate": {(*tale).gate, "deny"},
		"done":      {(*tale).done, "more"},
		"resolved": {func(s *tale) *tale {
			return s.done().after(time.Minute).must(webhook(primaryDown(pointsman.AlertResolved)))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.told(begin(t))
			v := ViewOf(s.state, s.now)
			blocks := drawn(v, 1) // no size is small enough
			limits(t, blocks)
			posted(t, Text(v), blocks)
			shown := textOf(blocks)
			if n := textSize(blocks); n > 1500 || !strings.Contains(shown, v.Standing) || !strings.Contains(shown, "`pointsman incidents INC-7` prints all of it") {
				t.Errorf("%d characters: %s", n, shown)
			}
			if c.button != "" && !strings.Contains(shown, `"action_id":"`+c.button+`"`) {
				t.Errorf("nothing can be done with it: %s", shown)
			}
			if strings.Contains(shown, `"action_id":"approve"`) || strings.Contains(shown, `"action_id":"accept"`) {
				t.Errorf("approved would be what nobody sees: %s", shown)
			}
		})
	}
}

// Sixty poolers are two commands each to resume and to pause, all of one step.
func TestACardWithVeryManyCommandsOfOneStepFits(t *testing.T) {
	t.Parallel()
	s := begin(t).steerableRun().stepEnds(0, pointsman.StepDone, "").stepEnds(1, pointsman.StepDone, "").stepEnds(2, pointsman.StepUnknown, "no answer")
	s.says(ben, pointsman.VerbAbort, "by hand")
	r := &s.state.Runs[0]
	for range 150 {
		r.Left[0].Commands = append(r.Left[0].Commands, "psql -h pgbouncer-eu-west-1.internal.example -p 6432 -d pgbouncer -c 'PAUSE \"orders\"'")
	}
	v := ViewOf(s.state, s.now)
	limits(t, Card(v))
	accepts(t, v)
	if shown := textOf(Card(v)); !strings.Contains(shown, "To be finished by hand") || !strings.Contains(shown, "There is more that does not fit here") {
		t.Error(shown)
	}
}

// A run whose process was killed is looked at for as long as its step may take, and its card says so.
func TestACardSaysThatAStepIsOnlyLookedAt(t *testing.T) {
	t.Parallel()
	r := pointsman.Run{State: pointsman.RunRunning, Steps: []pointsman.RunStep{{Name: "restart", State: pointsman.StepUnknown, StartedAt: time.Now()}}}
	if got := runView(r).Trying; !strings.HasPrefix(got, "the process that carried it out has stopped; whether it was done is looked at until") {
		t.Errorf("it says %q", got)
	}
}
