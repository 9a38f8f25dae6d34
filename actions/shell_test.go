package actions_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pointsman/pointsman/actions"
)

func TestShellLeavesHarmlessWordsAndQuotesAllOthers(t *testing.T) {
	t.Parallel()
	got := actions.Shell("psql", "-h", "pg-1", "-c", "SELECT 'a'", "", "$HOME", "a=b,c:/d.e@%+", "~", "ü")
	if want := `psql -h pg-1 -c 'SELECT '\''a'\''' '' '$HOME' a=b,c:/d.e@%+ '~' 'ü'`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestAShellReadsWhatWasQuoted because somebody pastes it at night into a terminal with a database behind it.
func TestAShellReadsWhatWasQuoted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringOf(rapid.RuneFrom([]rune("ab -'\"$`\\\n\t*?~#!;&|<>(){}[]=%é"))), 1, 5).Draw(t, "words")
		out, err := exec.CommandContext(t.Context(), "sh", "-c", `printf '%s\001' `+actions.Shell(words...)).Output()
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Split(strings.TrimSuffix(string(out), "\x01"), "\x01")
		if diff := cmp.Diff(words, got); diff != "" {
			t.Error(diff)
		}
	})
}
