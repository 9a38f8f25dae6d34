package postgres_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// TestRepoint_of_a_dead_process_is_done_only_when_its_write_arrived: it died between the RELOAD and the write, which may wait a minute.
// File, console and a read agree by then, and no later step writes through each pooler.
func TestRepoint_of_a_dead_process_is_done_only_when_its_write_arrived(t *testing.T) {
	t.Parallel()
	w, pooler := pooled(t)
	w.promoted(t)
	kind := w.kind(t, "pgbouncer.repoint")
	in := input(repointArgs)
	in.Pins = w.check(t, "pgbouncer.repoint", repointArgs).Pins
	before := ini(t, pooler)

	var planned json.RawMessage
	in.Remember = func(memo json.RawMessage, _ string) error { planned = memo; return errors.New("the store is away") }
	refusedApply(t, kind, in, "what would be written could not be stored, so no pooler was led elsewhere: the store is away")
	if got := ini(t, pooler); got != before {
		t.Fatalf("the file is now\n%s", got)
	}
	edited := strings.Replace(before, fmt.Sprintf("port=%d", w.pair.Primary.Port), fmt.Sprintf("port=%d", w.pair.Standby.Port), 1)
	if err := os.WriteFile(pooler.Ini(), []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := pooler.Console(t.Context(), "RELOAD"); err != nil {
		t.Fatal(err)
	}
	successor := func(memo json.RawMessage) pointsman.Evidence {
		t.Helper()
		in := in
		in.Phase, in.Memo = actions.Recover, memo
		ev, err := kind.Verify(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return ev
	}
	for want, memo := range map[string]json.RawMessage{
		"no write through pooler pgb-1 is recorded, so none can be read back": nil,
		"the write through pooler pgb-1 was not read back":                    planned,
	} {
		ev := successor(memo)
		refusedBecause(t, ev, want)
		if ev.Holds {
			t.Errorf("%s: it holds", want)
		}
	}

	in.Remember = func(memo json.RawMessage, _ string) error { planned = memo; return nil }
	if _, err := kind.Apply(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if ev := successor(planned); !ev.Holds { // it died before it could say what Apply left
		t.Errorf("the write arrived, and it does not hold: %+v", ev.Facts)
	}
	if err := w.pair.Standby.Exec(t.Context(), "DELETE FROM pointsman_heartbeat"); err != nil {
		t.Fatal(err)
	}
	if ev := successor(planned); ev.Holds {
		t.Error("it holds without the row")
	}
}
