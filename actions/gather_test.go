package actions

import (
	"testing"

	"github.com/pointsman/pointsman"
)

// Two checks look at the same thing and one of them may be asked about. What nobody may accept is never hidden by what
// somebody may, nor that by a risk that was accepted.
func TestWhatNobodyMayAcceptIsNeverHidden(t *testing.T) {
	t.Parallel()
	fact := func(kind pointsman.GuardKind, result pointsman.FactResult, x *pointsman.Excess) pointsman.Fact {
		return pointsman.Fact{Guard: "G5", Name: "loss", Kind: kind, Result: result, Excess: x}
	}
	more := &pointsman.Excess{Name: "lost_bytes"}
	order := []pointsman.Fact{
		fact(pointsman.Hard, pointsman.Fail, nil),
		fact(pointsman.Hard, pointsman.Unknown, nil),
		fact(pointsman.Hard, pointsman.Fail, more),
		fact(pointsman.Ack, pointsman.Fail, nil),
		fact(pointsman.Hard, pointsman.Pass, nil),
	}
	for i, worse := range order {
		for _, other := range order[i+1:] {
			for _, list := range [][]pointsman.Fact{{worse, other}, {other, worse}} {
				c := checks{list: []checked{{evidence: pointsman.Evidence{Facts: list[:1]}}, {evidence: pointsman.Evidence{Facts: list[1:]}}}}
				if got := c.facts(); len(got) != 1 || got[0].Kind != worse.Kind || got[0].Result != worse.Result || got[0].Excess != worse.Excess {
					t.Errorf("of %+v and %+v it shows %+v", worse, other, got)
				}
			}
		}
	}
}
