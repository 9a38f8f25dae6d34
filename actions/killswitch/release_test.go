package killswitch_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/actiontest"
	"github.com/pointsman/pointsman/actions/killswitch"
	"github.com/pointsman/pointsman/cmd/lab"
)

func TestRelease(t *testing.T) {
	t.Parallel()
	const engaged = `INSERT INTO kill_switch_state VALUES (1, true, 'INC-3/R1: quotes were wrong (Chi)', '2026-11-20T03:00:00.123456Z');`
	setup := func(t *testing.T, row string) (*lab.Postgres, actions.Action, actions.Action) {
		pg, s := server(t, table+row)
		w := watcher(t, s)
		return pg, kind(t, w, killswitch.KindRelease), kind(t, w, killswitch.KindEngage)
	}
	t.Run("releases the row that was approved", func(t *testing.T) {
		t.Parallel()
		pg, k, _ := setup(t, engaged)
		in := input("quotes are right again")
		ev, err := k.Check(t.Context(), in)
		if err != nil || len(pointsman.Refusals(ev.Facts)) > 0 {
			t.Fatalf("evidence %+v, error %v", ev, err)
		}
		if d := cmp.Diff(map[string]string{"row of trading": "2026-11-20T03:00:00.123456Z"}, ev.Pins); d != "" {
			t.Fatal(d)
		}
		in.Pins = ev.Pins
		out, err := k.Apply(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		on, reason, _ := stored(t, pg.SuperuserDSN())
		if on || reason != "INC-7/R1: quotes are right again (Ana Ruiz)" {
			t.Errorf("row %v %q", on, reason)
		}
		in.Memo = out.Memo
		if ev, err := k.Verify(t.Context(), in); err != nil || !ev.Holds {
			t.Errorf("evidence %+v, error %v", ev, err)
		}
	})
	t.Run("nothing is released after the step's time", func(t *testing.T) {
		t.Parallel()
		pg, k, _ := setup(t, engaged)
		in := input("quotes are right again")
		ev, err := k.Check(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		in.Pins = ev.Pins
		if _, err := k.Apply(actiontest.Asleep(t.Context()), in); err == nil {
			t.Error("no error")
		}
		if on, _, _ := stored(t, pg.SuperuserDSN()); !on {
			t.Error("it was released by a process that had stood still")
		}
	})
	t.Run("a database that takes no call was sent nothing", func(t *testing.T) {
		t.Parallel()
		pg, k, _ := setup(t, engaged)
		in := input("quotes are right again")
		ev, err := k.Check(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if err := pg.Kill(); err != nil {
			t.Fatal(err)
		}
		in.Pins = ev.Pins
		_, err = k.Apply(t.Context(), in)
		if _, ok := errors.AsType[*actions.NotSentError](err); !ok {
			t.Errorf("%v, want an error that proves that nothing was written", err)
		}
	})
	t.Run("refuses when it was engaged anew since the approval", func(t *testing.T) {
		t.Parallel()
		pg, k, _ := setup(t, engaged)
		in := input("quotes are right again")
		ev, err := k.Check(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		in.Pins = ev.Pins
		exec(t, pg, `UPDATE kill_switch_state SET reason = 'INC-9/R1: now orders too', updated_at = '2026-11-21T04:00:00Z'`)
		_, err = k.Apply(t.Context(), in)
		const want = "trading is not as approved: it is engaged since 2026-11-21 04:00:00 UTC (INC-9/R1: now orders too), " +
			"approved was the release of the row of 2026-11-20 03:00:00 UTC; nothing was written"
		if !refused(err) || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
		if on, _, _ := stored(t, pg.SuperuserDSN()); !on {
			t.Error("it was released")
		}
	})
	t.Run("refuses what is not known or not so", func(t *testing.T) {
		t.Parallel()
		pg, k, _ := setup(t, released)
		ev, err := k.Check(t.Context(), input("short"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range pointsman.Refusals(ev.Facts) {
			got = append(got, f.Sentence())
		}
		want := []string{
			"the reason has 5 characters, at least 10 are needed: it is what others read afterwards",
			"there is nothing to release: trading is released since 2026-02-01 00:00:00 UTC (first installation)",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if _, err := k.Apply(t.Context(), input("long enough a reason")); !refused(err) {
			t.Errorf("without a pinned row: error %v, want a refusal", err)
		}
		if err := pg.Kill(); err != nil {
			t.Fatal(err)
		}
		ev, err = k.Check(t.Context(), input("long enough a reason"))
		if no := pointsman.Refusals(ev.Facts); err != nil || len(no) != 1 || no[0].Result != pointsman.Unknown {
			t.Errorf("evidence %+v, error %v, want unreadable to refuse", ev, err)
		}
	})
	t.Run("after an engage of another switch it is judged as it is now", func(t *testing.T) {
		t.Parallel()
		pg, trading := server(t, table+released)
		payouts := trading
		payouts.Name, payouts.ID = "payouts", 2
		w := watcher(t, trading, payouts)
		in := input("planned maintenance")
		in.With, in.Promised = json.RawMessage(`{"switch":"payouts"}`), []actions.Promise{{Kind: killswitch.KindEngage, With: json.RawMessage(`{"switch":"trading"}`)}, {Kind: killswitch.KindEngage}}
		exec(t, pg, `INSERT INTO kill_switch_state VALUES (2, true, 'INC-3/R1: a wrong payee', '2026-11-20T03:00:00Z')`)
		ev, err := kind(t, w, killswitch.KindRelease).Check(t.Context(), in)
		if err != nil || ev.Pins["row of payouts"] != "2026-11-20T03:00:00Z" {
			t.Errorf("pins %v, error %v: the row that is there is what is approved", ev.Pins, err)
		}
		in.With = json.RawMessage(`{"switch":"payouts","want":"released"}`)
		if ev, err = kind(t, w, killswitch.KindVerify).Check(t.Context(), in); err != nil || ev.Facts[0].Result != pointsman.Fail {
			t.Errorf("evidence %+v, error %v: nothing in the plan releases it", ev, err)
		}
	})
	t.Run("after an engage of the same run it releases that and nothing else", func(t *testing.T) {
		t.Parallel()
		pg, k, eng := setup(t, released)
		in := input("planned maintenance")
		in.Promised = []actions.Promise{{Kind: killswitch.KindEngage, With: json.RawMessage(`{}`)}}
		ev, err := k.Check(t.Context(), in)
		if err != nil || len(pointsman.Refusals(ev.Facts)) > 0 {
			t.Fatalf("evidence %+v, error %v: it is not due yet", ev, err)
		}
		in.Pins = ev.Pins
		if _, err := k.Apply(t.Context(), in); !refused(err) {
			t.Errorf("before the engage: error %v, want a refusal", err)
		}
		if _, err := eng.Apply(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		other := in
		other.Key = "INC-8/R1/4"
		if _, err := k.Apply(t.Context(), other); !refused(err) {
			t.Errorf("by another run: error %v, want a refusal", err)
		}
		if _, err := k.Apply(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if on, _, _ := stored(t, pg.SuperuserDSN()); on {
			t.Error("still engaged")
		}
	})
}
