//go:build unix

package swap

import (
	"fmt"
	"os"
	"syscall"
)

// likeOwner gives the new file the owner of the old one: a service that runs as its own user must still read it.
func likeOwner(f *os.File, old os.FileInfo) error {
	was, ok := old.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if is, ok := info.Sys().(*syscall.Stat_t); ok && is.Uid == was.Uid && is.Gid == was.Gid {
		return nil
	}
	if err := f.Chown(int(was.Uid), int(was.Gid)); err != nil {
		return fmt.Errorf("keep the owner %d:%d: %w", was.Uid, was.Gid, err)
	}
	return nil
}
