package storetest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pointsman/pointsman"
)

// employed: a worker that is there gets a run in the transaction that queues it, and holds it like any other.
func employed(t *testing.T, s *story) {
	s.Employ("here", lease)
	early := s.queued("a")
	if c := s.claim("elsewhere"); c.Run.ID != early.ID {
		t.Errorf("claimed %s, want %s: nobody here had asked for work", c.Run.ID, early.ID)
	}
	s.nothingHere(t)

	handed := s.Handed()
	run := s.queued("b")
	select {
	case <-handed: // by the commit itself
	default:
		t.Error("the worker was not woken with the commit that leased a run to it")
	}
	s.nothingToClaim("it is leased to the worker here")
	c := s.claim("here")
	if diff := cmp.Diff(pointsman.Claim{Run: run, Epoch: 1}, c, cmpopts.IgnoreFields(pointsman.Claim{}, "Since"), cmpopts.EquateEmpty()); diff != "" || c.Since.IsZero() {
		t.Errorf("the claim, since %s:\n%s", c.Since, diff)
	}
	s.nothingHere(t)
	if ans := s.do(pointsman.StartRun{Run: run.ID, Epoch: c.Epoch, People: people()}).Answer; !ans.OK() {
		t.Errorf("its start: %+v", ans)
	}
	s.now.pass(2 * lease)
	if taken := s.claim("elsewhere"); taken.Run.ID != run.ID || taken.Epoch != 2 || !taken.Takeover {
		t.Errorf("after the end of the lease: %s, epoch %d, takeover %v", taken.Run.ID, taken.Epoch, taken.Takeover)
	}

	if c := s.claim("elsewhere"); c.Run.ID != early.ID {
		t.Errorf("claimed %s, want %s", c.Run.ID, early.ID)
	}

	// What the worker never came for is free again when the process ends in order.
	left := s.queued("c")
	s.nothingToClaim("it is leased to the worker here")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.open()
	if c := s.claim("elsewhere"); c.Run.ID != left.ID {
		t.Errorf("claimed %s, want %s", c.Run.ID, left.ID)
	}
}

// nothingHere lets the worker of this process ask in vain.
func (s *story) nothingHere(t *testing.T) {
	t.Helper()
	if c, ok, err := s.ClaimRun(context.Background(), "here", lease); ok || err != nil {
		t.Errorf("claimed %s (%v)", c.Run.ID, err)
	}
}
