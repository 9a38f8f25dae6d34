package store

import (
	"fmt"
	"os"
	"sync/atomic"
)

// damage remembers that the SQLite file was found damaged. From then on nothing is read or written: the next statement
// may find an undamaged page, or one that the writer still has in memory, and act on half of the truth. A restart looks at
// every page, of a large file because a mark beside it says so.
type damage struct {
	path  string
	found atomic.Pointer[error]
}

// corrupt are SQLite's codes for a page that is not what it should be, and for a file that is no database; the extended
// ones have them in their last byte.
var corrupt = sqliteKind(11, 26)

// refused is not nil once damage was found.
func (d *damage) refused() error {
	if found := d.found.Load(); found != nil {
		return *found
	}
	return nil
}

// saw passes an error on, and remembers one that tells of damage.
func (d *damage) saw(err error) error {
	if err == nil || !corrupt(err) {
		return err
	}
	told := damaged(d.path, err.Error())
	if d.found.CompareAndSwap(nil, &told) && d.path != inMemory {
		// Without the mark a supervisor's restart would take a large file up again.
		_ = os.WriteFile(marked(d.path), []byte(told.Error()+"\n"), 0o600)
	}
	return told
}

// marked is the file beside the database that says that it was found damaged.
func marked(path string) string { return path + ".damaged" }

func damaged(path, found string) error {
	return fmt.Errorf("%s is damaged: %s; nothing runs on it: stop the program, keep a copy of the file, then restore a backup or read it with sqlite3 .recover", path, found)
}
