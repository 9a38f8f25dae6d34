//go:build unix

package swap

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// May tells why File could not replace the file, without changing anything: its folder takes no new file from us, or its
// owner could not be kept. What only a try can tell, such as a file that is mounted by itself, it does not know.
func May(path string) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", path)
	}
	if err := unix.Access(path, unix.R_OK); err != nil {
		return fmt.Errorf("%s cannot be read: %w", path, err)
	}
	folder := filepath.Dir(path)
	if err := unix.Access(folder, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("the folder %s takes no new file from us, and a file is replaced as a whole: %w", folder, err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() == 0 {
		return nil
	}
	groups, err := os.Getgroups()
	if mine := slices.Contains(append(groups, os.Getegid()), int(owner.Gid)); int(owner.Uid) != os.Geteuid() || !mine {
		return errors.Join(fmt.Errorf("%s belongs to %d:%d, which could not be kept when it is replaced", path, owner.Uid, owner.Gid), err)
	}
	return nil
}
