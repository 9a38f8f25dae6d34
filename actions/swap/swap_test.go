package swap_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pointsman/pointsman/actions/swap"
)

func TestFile(t *testing.T) {
	t.Parallel()
	file := func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "app.env")
		if err := os.WriteFile(path, []byte("A=1\n"), 0o640); err != nil {
			t.Fatal(err)
		}
		return path
	}
	holds := func(t *testing.T, path, want string) {
		t.Helper()
		text, err := swap.Read(path)
		if err != nil || string(text) != want {
			t.Errorf("the file holds %q, error %v; want %q", text, err, want)
		}
		if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, error %v", left, err)
		}
	}

	t.Run("text_changes_and_mode_stays", func(t *testing.T) {
		t.Parallel()
		path := file(t)
		if err := swap.File(path, []byte("A=1\n"), []byte("A=2\n")); err != nil {
			t.Fatal(err)
		}
		holds(t, path, "A=2\n")
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("mode %v, error %v; want 0640", info.Mode(), err)
		}
	})
	t.Run("somebody_elses_change_is_not_overwritten", func(t *testing.T) {
		t.Parallel()
		path := file(t)
		if err := swap.File(path, []byte("A=0\n"), []byte("A=2\n")); !errors.Is(err, swap.ErrChanged) {
			t.Errorf("error %v, want ErrChanged", err)
		}
		holds(t, path, "A=1\n")
	})
	t.Run("link_stays_a_link", func(t *testing.T) {
		t.Parallel()
		path := file(t)
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		if err := swap.File(link, []byte("A=1\n"), []byte("A=2\n")); err != nil {
			t.Fatal(err)
		}
		holds(t, path, "A=2\n")
		if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("mode %v, error %v; want a link", info.Mode(), err)
		}
	})
	t.Run("file_that_is_not_there", func(t *testing.T) {
		t.Parallel()
		if err := swap.File(filepath.Join(t.TempDir(), "none"), nil, []byte("A=2\n")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("error %v, want that it does not exist", err)
		}
	})
}
