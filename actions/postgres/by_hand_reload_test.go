package postgres_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/cmd/lab"
)

// TestByHand_poolers_are_led_to_a_primary_only: the file may be edited early, and all lines are pasted at once. Where the promotion was
// not done, a RELOAD would take the clients from a living primary to a standby.
func TestByHand_poolers_are_led_to_a_primary_only(t *testing.T) {
	t.Parallel()
	w, pooler := pooled(t)
	before := ini(t, pooler)
	old, candidate := w.pair.Primary.Port, w.pair.Standby.Port
	edit := func(from, to int) {
		t.Helper()
		if err := os.WriteFile(pooler.Ini(), []byte(strings.Replace(before, fmt.Sprintf("port=%d", from), fmt.Sprintf("port=%d", to), 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	leads := func(want int) {
		t.Helper()
		rows, err := pooler.Show(t.Context(), "SHOW DATABASES")
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if row["name"] == lab.AppDatabase && fmt.Sprint(row["port"]) != fmt.Sprint(want) {
				t.Errorf("the pooler leads to port %v, want %d", row["port"], want)
			}
		}
	}
	in := input(repointArgs)
	in.Pins = w.check(t, "pgbouncer.repoint", repointArgs).Pins
	handy := w.kind(t, "pgbouncer.repoint").(actions.Handy)
	do, undo := handy.ByHand(in)

	edit(old, candidate)
	if said, err := pasteWhole(t, lab.Pointsman, do); err == nil || !strings.Contains(said, "NOT DONE: ") || !strings.Contains(said, "and pg-2 must be a primary. Seen now, where a standby says t and a primary f: pg-2 t;") {
		t.Errorf("%v\n%s", err, said)
	}
	leads(old)
	w.promoted(t)
	if said, err := pasteWhole(t, lab.Pointsman, do); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	leads(candidate)

	edit(candidate, old)
	if err := w.pair.KillPrimary(); err != nil {
		t.Fatal(err)
	}
	if said, err := pasteWhole(t, lab.Pointsman, undo); err == nil || !strings.Contains(said, "pg-1 said neither;") {
		t.Errorf("back to a dead server: %v\n%s", err, said)
	}
	leads(candidate)
	in.Pins = map[string]string{"pooler_pgb-1": "primary.example:5432"}
	if _, undo = handy.ByHand(in); len(undo) != 2 || !strings.Contains(undo[1], "NOT DONE: no node of orders is at primary.example:5432") {
		t.Errorf("to a place that nothing here can ask: %q", undo)
	}
}
