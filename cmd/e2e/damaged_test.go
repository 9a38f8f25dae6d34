package e2e

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestOwnStoreIsDamaged writes over the pages of the SQLite file while a step is in flight. From the first page that is
// found broken nothing is decided and nothing begins, whatever pages are whole, and the program says which file it is; after
// a restart it looks at all of them and refuses to start.
func TestOwnStoreIsDamaged(t *testing.T) {
	t.Parallel()
	tr := openTraffic(t, "sqlite", fast)
	tr.write("effect.sh", tr.gatedScript(), 0o700)
	tr.write("runbooks/crash.yaml", strings.ReplaceAll(crashBook, "timeout: 700ms", "timeout: 2m"), 0o600)
	cmd := tr.launch(tr.file)
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	incident, err := tr.fire(ctx, firing(laneAlert("Crash", 0, "one")))
	tr.must(err)
	_, err = tr.approve(ctx, incident, false)
	tr.must(err)
	tr.await("the effect has begun", func() error { _, err := os.Stat(tr.dir + "/begun"); return err })
	paged := len(tr.pager.Events())

	tr.must(overwrite(tr.database(), 100), overwrite(tr.database()+"-wal", 32))
	tr.refuses(firing(laneAlert("Crash", 1, "two")), tr.database()+" is damaged")
	tr.write("go", "", 0o600)
	tr.await("the step in flight is carried out", func() error {
		if len(tr.effects()) == 0 {
			return errors.New("nothing is carried out")
		}
		return nil
	})
	<-time.After(1500 * time.Millisecond)
	if did := tr.effects(); len(did) != 1 {
		t.Errorf("on a damaged store %q were carried out, want the step in flight alone", did)
	}
	if n := len(tr.pager.Events()); n != paged {
		t.Errorf("%d pages were sent from a damaged store", n-paged)
	}
	tr.refuses(firing(laneAlert("Crash", 1, "two")), "stop the program, keep a copy of the file, then restore a backup or read it with sqlite3 .recover")

	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	out, err := exec.CommandContext(ctx, program(t), "serve", "--config", tr.file).CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); !exited || !strings.Contains(string(out), tr.database()+" is damaged") || !strings.Contains(string(out), "restore a backup or read it with sqlite3 .recover") {
		t.Errorf("it started on a damaged file: %v %q", err, out)
	}
}

// overwrite puts junk over a file from a place on, and leaves its size. A file that is not there is fine.
func overwrite(name string, from int64) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Size() > from {
		_, err = f.WriteAt(bytes.Repeat([]byte{0xa5}, int(info.Size()-from)), from)
	}
	return errors.Join(err, f.Close())
}
