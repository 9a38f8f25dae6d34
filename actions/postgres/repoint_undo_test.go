package postgres_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres"
)

// A retry that finds the poolers led already leaves no memo of its own, and a process that dies before it could say leaves none
// at all. An abort leads them back all the same.
func TestRepoint_undoes_what_it_did_in_an_earlier_attempt(t *testing.T) {
	t.Parallel()
	w, pooler := pooled(t)
	before := ini(t, pooler)
	w.promoted(t)
	planned := input(repointArgs)
	planned.Pins = w.check(t, "pgbouncer.repoint", repointArgs).Pins
	kind := w.kind(t, "pgbouncer.repoint")

	for _, c := range []struct {
		why    string
		record func(attempt, second *actions.Input)
		want   string // of the refusal
	}{
		{why: "the first attempt's memo", record: func(first, second *actions.Input) { second.Earlier = first.Memo }},
		{why: "the places that the plan found", record: func(*actions.Input, *actions.Input) {}},
		{why: "no record", record: func(_, second *actions.Input) { second.Pins = nil }, want: "where pgb-1 led before is not on record; lead it back by hand"},
	} {
		first, second := planned, planned
		out, _ := w.stepIn(t, "pgbouncer.repoint", first)
		first.Memo = out.Memo
		led := ini(t, pooler)
		if ev := w.proposed(t, "pgbouncer.repoint", repointArgs); !ev.Already {
			t.Fatalf("%s: it is not seen that it is done: %+v", c.why, ev.Facts)
		}
		c.record(&first, &second)
		out, err := kind.(actions.Undoer).Undo(t.Context(), second)
		want := before
		if c.want != "" {
			want = led
			if refused, ok := errors.AsType[*actions.RefusedError](err); !ok || refused.Error() != c.want {
				t.Errorf("%s: error %v, want the refusal %q", c.why, err, c.want)
			}
		} else if err != nil || !strings.HasPrefix(out.Note, "pgb-1 leads to where it led before") {
			t.Errorf("%s: note %q, error %v", c.why, out.Note, err)
		}
		if got := ini(t, pooler); got != want {
			t.Errorf("%s: the file is now\n%s", c.why, got)
		}
	}
}

// TestRepoint_that_led_one_of_two_back_is_no_refusal: that would say that nothing was done.
func TestRepoint_that_led_one_of_two_back_is_no_refusal(t *testing.T) {
	t.Parallel()
	w, pooler := pooled(t, func(c *postgres.Cluster) {
		second := c.Poolers[0]
		second.Name = "pgb-2"
		c.Poolers = append(c.Poolers, second)
	})
	w.promoted(t)
	before := ini(t, pooler)
	in := input(`{"cluster":"orders","to":"pg-2","pooler":"pgb-1"}`)
	in.Pins = w.check(t, "pgbouncer.repoint", string(in.With)).Pins
	out, _ := w.stepIn(t, "pgbouncer.repoint", in)
	var memo postgres.RepointMemo
	if err := json.Unmarshal(out.Memo, &memo); err != nil {
		t.Fatal(err)
	}
	gone := memo.Moved[0]
	gone.Pooler, gone.From.Port = "pgb-2", "1"
	memo.Moved = append(memo.Moved, gone)
	in.Memo, _ = json.Marshal(memo)
	in.With = json.RawMessage(repointArgs)
	_, err := w.kind(t, "pgbouncer.repoint").(actions.Undoer).Undo(t.Context(), in)
	if _, refused := errors.AsType[*actions.RefusedError](err); refused || err == nil || !strings.Contains(err.Error(), "pgb-2 is not led back: no node of orders is at 127.0.0.1:1; pgb-1 leads to where it led before") {
		t.Errorf("error %v", err)
	}
	if got := ini(t, pooler); got != before {
		t.Errorf("the file is now\n%s", got)
	}
}
