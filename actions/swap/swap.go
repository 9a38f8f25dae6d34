// Package swap changes a configuration file by compare-and-set: the whole new text or none of it, and only while the
// file still says what was read.
package swap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxFile bounds what is read: a configuration file is small, and whatever is not must not fill the memory.
const maxFile = 1 << 20

// ErrChanged says that the file does not hold the expected text any more; nothing was written.
var ErrChanged = errors.New("the file was changed meanwhile")

// Read returns the file's text, at most 1 MiB.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is larger than 1 MiB", path)
	}
	return text, err
}

// File replaces the text of the file if it is still old. A reader sees the old file or the new one and never a part;
// mode and owner stay. A symbolic link stays one: the file that it leads to is replaced. Two who swap at the same
// moment are not told apart by the file system, so callers hold the target's lock.
func File(path string, old, fresh []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	// In the same folder, because a rename works within one file system only.
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // after the rename there is nothing to remove
	_, err = tmp.Write(fresh)
	err = errors.Join(err, tmp.Chmod(info.Mode().Perm()), likeOwner(tmp, info), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	switch now, err := Read(path); {
	case err != nil:
		return err
	case !bytes.Equal(now, old):
		return fmt.Errorf("%s: %w", path, ErrChanged)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("replace %s as a whole: %w", path, err) // a single file mounted into a container cannot be
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the rename outlive a loss of power.
func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
