package bot

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
)

// TestWhatIsLeftByHandIsWholeOrNotThere: a command of which the end is missing may do something else than the whole one.
func TestWhatIsLeftByHandIsWholeOrNotThere(t *testing.T) {
	t.Parallel()
	long := "psql -h db-1.internal -p 5432 -d app -c '" + strings.Repeat("SELECT 1; ", 50) + "'"
	r := RunView{ID: "INC-7/R1", Past: true}
	for n := range 20 {
		r.Left = append(r.Left, pointsman.Left{N: n + 1, Step: "verify", State: pointsman.StepPending, Commands: []string{long, long}})
	}
	for _, c := range fits {
		blocks := c.left(r)
		if n := textSize(blocks); n > 8_000 {
			t.Errorf("%d characters of commands leave no room for the rest of the card", n)
		}
		raw, err := json.Marshal(blocks)
		if err != nil {
			t.Fatal(err)
		}
		all := string(raw)
		if whole, begun := strings.Count(all, "SELECT 1; '`"), strings.Count(all, "`psql"); whole == 0 || whole != begun {
			t.Errorf("%d commands, %d of them whole", begun, whole)
		}
		if !strings.Contains(all, "There is more that does not fit here") || !strings.Contains(all, "`pointsman incidents INC-7` prints all of it") {
			t.Error("nobody is told that there are more")
		}
	}
}

// What is left is looked at step by step, so the first one's first command is there on a card of any size, also below a long note.
func TestTheFirstCommandThatIsLeftIsThereInAnyCase(t *testing.T) {
	t.Parallel()
	first := "psql -h db-1.internal -c '" + strings.Repeat("SELECT 1; ", 190) + "'"
	r := RunView{ID: "INC-7/R1", Left: []pointsman.Left{
		{N: 2, Step: "fence", State: pointsman.StepUnknown, Undo: true, Note: strings.Repeat("no answer ", 30), Commands: []string{first, "true"}},
		{N: 3, Step: "verify", State: pointsman.StepPending, Commands: []string{first}},
	}}
	for _, c := range fits {
		if shown := textOf(c.left(r)); !strings.Contains(shown, "`"+first+"`") {
			t.Errorf("%d: %s", c.text, shown)
		}
	}
}
