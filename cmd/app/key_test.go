package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/configs"
)

// A lost key file must not pass in silence: whoever takes it away could rewrite the log and sign it anew.
func TestAnotherSigningKeyIsPutOnRecord(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "pointsman.yaml")
	text := "web: {listen: \"127.0.0.1:0\", socket: \"\"}\nstorage: {path: " + dir + "/p.db}\naudit: {key_file: " + dir + "/audit.key}\nalertmanager: {tokens: [token-of-the-test]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// said runs the program once, from start to stop, and tells whether the log speaks of another key.
	said := func() bool {
		t.Helper()
		cfg, _, err := configs.Load(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := New(t.Context(), cfg, Options{Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(a.note(t.Context(), "started", ""), a.tellNewKey(t.Context())); err != nil {
			t.Fatal(err)
		}
		entries, err := a.store.Log(t.Context(), 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.store.Checkpoint(t.Context(), a.export.Key); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(a.server.stop(0), a.store.Close()); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		return strings.Contains(string(entries[len(entries)-1].Body), "another key than before")
	}
	for range 2 {
		if said() {
			t.Fatal("the same key was taken for another")
		}
	}
	if err := os.Remove(filepath.Join(dir, "audit.key")); err != nil {
		t.Fatal(err)
	}
	if !said() {
		t.Fatal("nobody was told that the key is another")
	}
}

// Replicas that share a folder start together, and one may be killed in the middle: nobody finds half a key.
func TestReplicasThatStartTogetherHaveOneKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "audit.key")
	keys := make(chan string, 16)
	for range cap(keys) {
		go func() {
			key, err := LoadKey(path)
			if err != nil {
				t.Error(err)
			}
			keys <- key.Public
		}()
	}
	first := <-keys
	for range cap(keys) - 1 {
		if k := <-keys; k != first || k == "" {
			t.Errorf("one has the key %q, another %q", first, k)
		}
	}
	if left, err := filepath.Glob(path + "?*"); err != nil || len(left) != 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// An operator who moved the folder looks before the start whether all is well. "The key will be made at the first start" is what the
// doctor says of a new log, not of one that was signed for a year.
func TestTheDoctorSeesThatTheKeyOfASignedLogIsLost(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"sqlite", "postgres"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			storage := "path: " + dir + "/p.db"
			if driver == "postgres" {
				storage, _ = ownDatabase(t)
			}
			n := &nightly{T: t, dir: dir, file: filepath.Join(dir, "pointsman.yaml")}
			text := quiet + "storage: {" + storage + "}\naudit: {key_file: " + dir + "/audit.key}\nalertmanager: {tokens: [token-of-the-test]}\n"
			if err := os.WriteFile(n.file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			says := func(when string, want pointsman.FactResult, words ...string) {
				t.Helper()
				cfg, _, err := configs.Load(n.file, nil)
				if err != nil {
					t.Fatal(err)
				}
				f := examineKey(t.Context(), cfg)
				for _, word := range words {
					if f.Result != want || !strings.Contains(f.Text, word) {
						t.Errorf("%s: %s %q, want %s %q", when, f.Result, f.Text, want, word)
					}
				}
			}
			says("no database yet", pointsman.Pass, "will be made at the first start")
			var origin string
			n.run(func(a *App) {
				origin = a.export.Key.Origin()
				if _, err := a.store.Checkpoint(t.Context(), a.export.Key); err != nil {
					t.Error(err)
				}
			})
			says("the key that signed it", pointsman.Pass, "the log is signed with")
			if err := os.Rename(dir+"/audit.key", dir+"/old.key"); err != nil {
				t.Fatal(err)
			}
			says("the file is gone", pointsman.Fail, "the log is signed by "+origin+" up to entry ", "is gone")
			other, err := LoadKey(dir + "/audit.key")
			if err != nil {
				t.Fatal(err)
			}
			says("another one lies there", pointsman.Fail, "the log is signed by "+origin, "holds another key, "+other.Origin())
		})
	}
}
