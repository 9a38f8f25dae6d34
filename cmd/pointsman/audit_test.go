package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman/store/audit"
)

// TestAnExportIsAskedToContinueTheCheckpointsThatWereKept: of the hundred thousand checkpoints of a year an export carries the
// proofs for the newest ones only, unless somebody brings an older one.
func TestAnExportIsAskedToContinueTheCheckpointsThatWereKept(t *testing.T) {
	t.Parallel()
	secret, _, err := audit.NewKey("anchor.example")
	if err != nil {
		t.Fatal(err)
	}
	key, err := audit.ParseKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	note, err := key.Sign(870, [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	may := filepath.Join(t.TempDir(), "checkpoint-of-may.txt")
	if err := os.WriteFile(may, note, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := anchorSizes([]string{may})
	if diff := cmp.Diff([]string{"870"}, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if err := os.WriteFile(may, []byte("nothing of the kind"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{may, may + ".gone"} {
		if _, err := anchorSizes([]string{wrong}); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
