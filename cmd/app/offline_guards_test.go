package app

import (
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// A window and the blast radius are in the file, so a dry run knows them; what only the running server knows it must not
// call in order.
func TestADryRunShowsWindowsAndTheBlastRadius(t *testing.T) {
	t.Parallel()
	tc := newTryout(t, "http://127.0.0.1:1")
	later := time.Now().UTC().Add(6 * time.Hour)
	tc.cfg.Guards.MaxTargets = 1
	tc.cfg.Guards.Targets = []actions.TargetGuards{{
		Target: "endpoint/*", OnlyWithin: []actions.Window{{Name: "quiet hour", From: later.Format("15:04"), To: later.Add(time.Hour).Format("15:04")}},
	}}
	p, err := Plan(t.Context(), tc.cfg, "move-api", []string{"api-database"})
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	for _, f := range pointsman.Refusals(p.Facts) {
		said += f.Guard + " " + f.Sentence() + "\n"
	}
	if p.State != pointsman.ProposalRefused || !strings.Contains(said, "G15 the run works on 2 targets") || !strings.Contains(said, "quiet hour") {
		t.Errorf("%s:\n%s", p.State, said)
	}
	for _, f := range p.Facts {
		if f.Guard == "G7" || f.Name == "cool-down" || f.Name == "freeze" {
			t.Errorf("it speaks of what it cannot know: %s", f.Sentence())
		}
	}
}
