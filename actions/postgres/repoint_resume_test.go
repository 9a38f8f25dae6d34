package postgres_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// TestRepoint_that_resumes_is_done_only_when_nobody_waits: a step that is recorded as done is looked at by nobody, and the later
// write goes through the clients' address, not through every pooler.
func TestRepoint_that_resumes_is_done_only_when_nobody_waits(t *testing.T) {
	t.Parallel()
	const resumes = `{"cluster":"orders","to":"pg-2","resume":true}`
	w, pooler := pooled(t)
	w.promoted(t)
	console := func(command string) {
		t.Helper()
		if err := pooler.Console(t.Context(), command); err != nil {
			t.Fatal(err)
		}
	}
	verify := func() pointsman.Evidence {
		t.Helper()
		ev, err := w.kind(t, "pgbouncer.repoint").Verify(t.Context(), input(resumes))
		if err != nil {
			t.Fatal(err)
		}
		return ev
	}

	console("PAUSE") // the whole, which RESUME of one entry does not end
	refusedBecause(t, w.check(t, "pgbouncer.repoint", resumes), "somebody has paused pgb-1 with all its databases, and this step could resume only app of them")
	// Before the promotion it is right to let clients wait, and it needs nothing of a pooler: only the step itself would be kept back.
	for _, c := range []struct {
		phase   actions.Phase
		ahead   string
		refuses bool
	}{{actions.Propose, "postgres.promote", true}, {actions.Start, "postgres.promote", false}, {actions.Start, "postgres.fence", true}} {
		in := input(resumes)
		in.Phase, in.StepN, in.Promised = c.phase, 4, []actions.Promise{{Kind: c.ahead}}
		ev, err := w.kind(t, "pgbouncer.repoint").Check(t.Context(), in)
		i := slices.IndexFunc(ev.Facts, func(f pointsman.Fact) bool { return strings.Contains(f.Text, "somebody has paused pgb-1") })
		if err != nil || i < 0 || ev.Facts[i].Refuses() != c.refuses || ev.Already {
			t.Errorf("%+v: %+v, error %v", c, ev.Facts, err)
		}
	}
	if _, err := w.kind(t, "pgbouncer.repoint").Apply(t.Context(), input(resumes)); err == nil || !strings.Contains(err.Error(), "its clients still wait; by hand: RESUME in its console") {
		t.Errorf("error %v", err)
	}
	ev := verify()
	refusedBecause(t, ev, "the clients of pgb-1 wait: it is paused as a whole")
	if ev.Holds {
		t.Error("it holds, and clients wait")
	}
	console("RESUME")

	console("PAUSE app") // as a process leaves it that dies between the two
	if ev := w.check(t, "pgbouncer.repoint", resumes); ev.Already {
		t.Error("it is done already, and clients wait")
	}
	if ev := verify(); ev.Holds {
		t.Error("it holds, and clients wait")
	}
	w.step(t, "pgbouncer.repoint", resumes)
	if got := w.poolerAndRoles(t); !strings.Contains(got, "paused 0") {
		t.Errorf("%s, want clients served", got)
	}
}
