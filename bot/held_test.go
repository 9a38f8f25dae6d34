package bot

import (
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// An alarm of another incident on the same target is no lock: nobody can unlock it, and somebody has to look.
func TestAnAlarmOfAnotherIncidentIsNoLock(t *testing.T) {
	t.Parallel()
	s := begin(t).ready()
	s.state.Protections = []pointsman.Protection{{
		Target: "postgres/orders", Alarm: pointsman.Alarm{N: 1, Text: "split brain: 2 nodes take writes", Incident: "INC-9", Since: s.now},
	}}
	shown := textOf(s.drawn("alarm_elsewhere"))
	for _, want := range []string{"🚨 split brain: 2 nodes take writes", "in INC-9", "goes no further until a person who has looked", "when INC-9 is closed"} {
		if !strings.Contains(shown, want) {
			t.Errorf("it does not say %q: %s", want, shown)
		}
	}
	if strings.Contains(shown, "🔒") {
		t.Errorf("it looks like a lock: %s", shown)
	}
}

func TestAHoldSaysWhatEndsItHoweverLongItsReasonIs(t *testing.T) {
	t.Parallel()
	s := begin(t).ready().must(pointsman.Protect{
		Verb: pointsman.Lockout, Target: orders, For: 2 * time.Hour, Reason: strings.Repeat("the storage is being moved ", 30), Roles: []string{"dba"}, By: by(ben),
	})
	v := ViewOf(s.state, s.now)
	for _, c := range fits {
		if shown := textOf(c.draw(v)); !strings.Contains(shown, " · pointsman unlock postgres/orders ends it earlier") {
			t.Errorf("it does not say what ends it: %s", shown)
		}
	}
}

func TestHoldsThatDoNotFitAreCounted(t *testing.T) {
	t.Parallel()
	var all []HeldView
	for range 7 {
		all = append(all, HeldView{"🔒", "locked", "unlock ends it"})
	}
	for i, want := range []string{"and 2 more", "and 4 more", "and 5 more"} {
		if shown := textOf(fits[i].held(all)); !strings.Contains(shown, want) || !strings.Contains(shown, "`/pointsman locks` lists them all") {
			t.Errorf("%s: %s", want, shown)
		}
	}
}
