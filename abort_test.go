package pointsman

import "testing"

// A form that was opened before the point of no return says that an abort takes everything back. Submitted behind it, the same
// word would hand half a failover over.
func TestAnAbortSaidBeforeThePointOfNoReturnDoesNotCountBehindIt(t *testing.T) {
	t.Parallel()
	abort := func(s *story, mark string) Answer {
		return s.do(Steer{Run: "INC-1/R1", Verb: VerbAbort, Mark: mark, Reason: "pg-1 is back", By: dbaB})
	}
	underWay := func(t *testing.T, until int) *story {
		t.Helper()
		s := begin(t)
		s.laid(drain, look, promote, look)
		for i := range until {
			s.end(i, StepDone)
		}
		return s
	}
	for name, c := range map[string]struct {
		done int
		mark string
		want Code
		says string
	}{
		"the point of no return is still ahead": {1, "1.1", CodeAccepted, "then this is undone: drain"},
		"it is at work, and was not":            {2, "1.1", CodeChanged, "has passed its point of no return since you looked"},
		"it is at work, and was about to begin": {2, "3.0", CodeChanged, "nothing is undone because the point of no return is behind"},
		"it is at work, as was seen":            {2, "3.1", CodeAccepted, "nothing is undone because"},
		"it is behind, and was at work":         {3, "3.1", CodeAccepted, "nothing is undone because"},
		"it is behind, and was not":             {3, "2.1", CodeChanged, "look at the card again"},
		"whoever saw nothing means the run":     {3, "", CodeAccepted, "nothing is undone because"},
		"what is no mark is no older one":       {3, "x", CodeAccepted, "nothing is undone because"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := underWay(t, c.done)
			s.want(abort(s, c.mark), c.want, c.says)
			if r := s.state.Runs[0]; (r.Wish.Verb == VerbAbort) != (c.want == CodeAccepted) {
				t.Errorf("the wish is %+v", r.Wish)
			}
		})
	}
	t.Run("the attempt that was seen was refused, the next one is at work", func(t *testing.T) {
		t.Parallel()
		s := underWay(t, 2)
		s.end(2, StepRefused)
		seen := s.state.Runs[0].Mark()
		s.steer(VerbRetry, dbaA)
		s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
		s.want(abort(s, seen), CodeChanged, "since you looked")
		s.want(abort(s, s.state.Runs[0].Mark()), CodeAccepted, "nothing is undone because")
	})
}
