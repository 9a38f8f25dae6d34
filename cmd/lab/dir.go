package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// Dir is a temporary folder that a server's own user may enter and write, and that does not outlive this process.
type Dir struct {
	Path string

	janitor *exec.Cmd
}

// janitorScript waits until its input ends, which happens when this process dies, then ends what still runs inside the
// folder and removes it, with the shared memory of a PostgreSQL that was killed (see sharedMemory). Servers die with us
// by themselves, except those that a test had frozen. /proc is Linux only; elsewhere the loop finds nothing.
const janitorScript = `read -r _
for p in /proc/[0-9]*; do
	case "$(readlink "$p/cwd" 2>/dev/null)/" in "$0"/*) kill -9 "${p#/proc/}" 2>/dev/null ;; esac
done
segment=$(sed -n '7s/.* //p' "$0/data/postmaster.pid" 2>/dev/null)
if [ -n "$segment" ]; then ipcrm -m "$segment" 2>/dev/null; fi
umount -l "$0/data/pg_wal" "$0/data" 2>/dev/null
rm -rf "$0" || { sleep 1; rm -rf "$0"; }`

// NewDir makes a temporary folder named after what is kept in it.
func NewDir(name string) (*Dir, error) { return newDir(os.TempDir(), name) }

// newMemoryDir makes one in memory where the system has room for it, else an ordinary one.
func newMemoryDir(name string) (*Dir, error) {
	if parent, ok := memoryFolder(); ok {
		return newDir(parent, name)
	}
	return NewDir(name)
}

func newDir(parent, name string) (*Dir, error) {
	path, err := os.MkdirTemp(parent, "pointsman-"+name+"-")
	if err != nil {
		return nil, err
	}
	d := &Dir{Path: path}
	// MkdirTemp makes it 0700 and ours; the server runs as somebody else when we are root.
	if err := errors.Join(os.Chmod(path, 0o755), d.Give(path)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	d.janitor = exec.Command("/bin/sh", "-c", janitorScript, path)
	d.janitor.SysProcAttr = ownGroup() // Ctrl-C in a terminal must not end the janitor before its work
	// Nothing is ever written to the pipe: it ends when we do. The janitor keeps a reference to it.
	if _, err = d.janitor.StdinPipe(); err == nil {
		err = d.janitor.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("janitor of %s: %w", path, err), os.RemoveAll(path))
	}
	return d, nil
}

// Give hands a file or folder to the user that servers run as.
func (d *Dir) Give(path string) error {
	if user := serverUser(); user != nil {
		return os.Chown(path, int(user.Uid), int(user.Gid))
	}
	return nil
}

// Close removes the folder with all it holds. Whatever ran in it must have been stopped before. It may be
// called twice.
func (d *Dir) Close() error {
	err := os.RemoveAll(d.Path)
	if killed := d.janitor.Process.Kill(); !errors.Is(killed, os.ErrProcessDone) {
		err = errors.Join(err, killed)
	}
	_ = d.janitor.Wait() // it was killed, and says so; this closes its input too
	return err
}
