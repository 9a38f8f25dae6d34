package postgres

import (
	"testing"

	"github.com/pointsman/pointsman"
)

// Right before an effect each kind compares once more with what was approved. Of a greater figure one more approver may be
// asked, with the figure; of an unknown one, and of what has no override, nobody.
func TestOfWhichFiguresOneMoreApproverMayBeAsked(t *testing.T) {
	t.Parallel()
	approved := []pointsman.Bound{{Name: LostBytes, Max: 16384, Text: "loss <= 16,384 B"}, {Name: LostSeconds, Max: 1, Text: "loss <= 1.0 s"}}
	diverged := func(change func(*rejoining)) pointsman.Fact {
		j := fallen()
		j.applying, j.accepted = true, []pointsman.Bound{{Name: DivergedBytes, Max: 999, Text: "rewound <= 999 B"}}
		change(&j)
		return pointsman.Refusals(j.judge().Facts)[0]
	}
	for name, c := range map[string]struct {
		fact pointsman.Fact
		text string // of what may be accepted; empty for nothing
		max  float64
	}{
		"a greater loss":          {loss{bytes: 32768, seconds: 1}.outside(approved)[0], "loss <= 32,768 B", 32768},
		"the same loss":           {loss{bytes: 16384, seconds: 1}.outside(approved)[0], "", 0},
		"a loss that is unknown":  {loss{noBytes: "unknown", seconds: 1}.outside(approved)[0], "", 0},
		"more sessions":           {tooMany(pointsman.Bound{Name: Sessions, Max: 16, Text: "sessions to end <= 16"}, crowd{Groups: []sessionGroup{{N: 17}}}, "pg-1"), "sessions to end <= 32", 32},
		"more is to be rewound":   {diverged(func(*rejoining) {}), "rewound <= 1,000 B", 1000},
		"an unknown fork":         {diverged(func(j *rejoining) { j.found.Fork = 0 }), "", 0},
		"a loss by a switch-over": {diverged(func(j *rejoining) { j.moves = true }), "", 0},
	} {
		switch x := c.fact.Excess; {
		case c.text == "" && x != nil:
			t.Errorf("%s: %+v may be accepted", name, x)
		case c.text != "" && (x == nil || !c.fact.Refuses() || x.Text != c.text || *x.Max != c.max || x.Was == "" || x.Guard):
			t.Errorf("%s: %+v, %+v", name, c.fact, x)
		}
	}
}
