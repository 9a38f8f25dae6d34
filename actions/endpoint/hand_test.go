package endpoint_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman/actions"
)

func TestByHandIsTheConfiguredCommandAndBack(t *testing.T) {
	t.Parallel()
	target, state := byCommand(t)
	target.Set = append(target.Set, "it's {new}")
	do, undo := kind(t, target).(actions.Handy).ByHand(input(there))
	if want := []string{target.Set[0] + ` db-1.internal:5432 db-2.internal:5433 'it'\''s db-2.internal:5433'`}; !cmp.Equal(do, want) {
		t.Errorf("do %q, want %q", do, want)
	}
	for _, c := range []struct {
		lines []string
		want  string
	}{{do, "db-2.internal:5433"}, {undo, "db-1.internal:5432"}} {
		if out, err := exec.CommandContext(t.Context(), "sh", "-ec", strings.Join(c.lines, "\n")).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if now, err := os.ReadFile(state); err != nil || strings.TrimSpace(string(now)) != c.want {
			t.Errorf("it leads to %s, want %s, error %v", now, c.want, err)
		}
	}
}

func TestByHandNamesTheVariableOfTheFile(t *testing.T) {
	t.Parallel()
	target, path := inFile(t, before)
	h := kind(t, target).(actions.Handy)
	do, undo := h.ByHand(input(there))
	if want := []string{"# in " + path + ", in the value of DATABASE_URL: replace db-1.internal:5432 with db-2.internal:5433"}; !cmp.Equal(do, want) {
		t.Errorf("do %q, want %q", do, want)
	}
	if want := []string{"# in " + path + ", in the value of DATABASE_URL: replace db-2.internal:5433 with db-1.internal:5432"}; !cmp.Equal(undo, want) {
		t.Errorf("undo %q, want %q", undo, want)
	}
	for _, with := range []string{`{"endpoint":"api","from":"pg-1","to":"${candidate}"}`, `{"endpoint":"shop","from":"pg-1","to":"pg-2"}`} {
		if do, undo := h.ByHand(input(with)); do != nil || undo != nil {
			t.Errorf("%s: %q, %q", with, do, undo)
		}
	}
}
