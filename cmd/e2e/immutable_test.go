package e2e

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// immutable is FS_IMMUTABLE_FL: a file with it cannot be written, not even by those who have it open.
const immutable = 0x10

// writable takes away that the files of the SQLite database can be written, or gives it back, as when a file system is
// remounted read-only under a running program.
func (s *stage) writable(yes bool) {
	s.t.Helper()
	for _, name := range []string{s.database(), s.database() + "-wal"} {
		f, err := os.Open(name)
		if err != nil {
			s.t.Fatal(err)
		}
		flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
		if flags |= immutable; yes {
			flags &^= immutable
		}
		if err == nil {
			err = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			s.t.Fatalf("%s cannot be made immutable: %v; the test needs root, and TMPDIR on ext4", name, err)
		}
	}
}
