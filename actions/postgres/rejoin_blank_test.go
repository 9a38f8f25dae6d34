package postgres_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/lab"
)

const segmentBytes = `(SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size')`

// TestRejoin_at_the_end_of_a_whole_WAL_file: the primary died where its log ended with a whole file, and the next one, made
// beforehand, has nothing in it. pg_waldump cannot read such a file, and the rejoin was refused for it.
func TestRejoin_at_the_end_of_a_whole_WAL_file(t *testing.T) {
	t.Parallel()
	w, _ := withHands(t, lab.PairOptions{})
	if err := w.pair.Primary.Exec(t.Context(), "SELECT pg_switch_wal()"); err != nil {
		t.Fatal(err)
	}
	awaitRow(t, w.pair.Standby, `SELECT mod(pg_last_wal_receive_lsn() - '0/0', `+segmentBytes+`) = 0`)
	if err := w.pair.KillPrimary(); err != nil {
		t.Fatal(err)
	}
	w.promoteStandby(t)
	history, err := os.ReadFile(filepath.Join(w.pair.Standby.DataDir(), "pg_wal", "00000002.history"))
	if err != nil {
		t.Fatal(err)
	}
	var high, low uint64
	if _, err := fmt.Sscanf(strings.Fields(string(history))[1], "%X/%X", &high, &low); err != nil {
		t.Fatalf("%v in %s", err, history)
	}
	files, err := filepath.Glob(filepath.Join(w.pair.Primary.DataDir(), "pg_wal", "00000001????????????????"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	info, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	next := filepath.Join(filepath.Dir(files[0]), fmt.Sprintf("%08X%08X%08X", 1, high, low/uint64(info.Size())))
	if low%uint64(info.Size()) != 0 {
		t.Fatalf("the fork %X/%X is in the middle of a file", high, low)
	}
	if err := os.WriteFile(next, bytes.Repeat([]byte{0}, int(info.Size())), 0o600); err != nil {
		t.Fatal(err)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || os.Chown(next, int(owner.Uid), int(owner.Gid)) != nil {
		t.Fatal("the server may not read its file")
	}
	ev := w.check(t, "postgres.rejoin", rejoinArgs)
	if no := pointsman.Refusals(ev.Facts); len(no) > 0 {
		t.Fatalf("refused: %s", no[0].Sentence())
	}
	if _, ev := w.step(t, "postgres.rejoin", rejoinArgs); !ev.Holds {
		t.Errorf("it does not follow: %+v", ev.Facts)
	}
}

// TestRejoin_beside_WAL_files_that_were_made_beforehand: a server makes its next WAL files before it needs them. pg_waldump that is
// told of no file takes the first one of the folder to find out how long files are, and an empty one does not say.
func TestRejoin_beside_WAL_files_that_were_made_beforehand(t *testing.T) {
	t.Parallel()
	w, _ := withHands(t, lab.PairOptions{})
	if err := w.pair.KillPrimary(); err != nil {
		t.Fatal(err)
	}
	w.promoteStandby(t)
	folder := filepath.Join(w.pair.Primary.DataDir(), "pg_wal")
	files, err := filepath.Glob(filepath.Join(folder, "00000001????????????????"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	info, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	owner, _ := info.Sys().(*syscall.Stat_t)
	for n := range 24 {
		blank := filepath.Join(folder, fmt.Sprintf("%08X%08X%08X", 1, 0, 0x40+n))
		if err := errors.Join(os.WriteFile(blank, nil, 0o600), os.Truncate(blank, info.Size()), os.Chown(blank, int(owner.Uid), int(owner.Gid))); err != nil {
			t.Fatal(err)
		}
	}
	ev := w.check(t, "postgres.rejoin", rejoinArgs)
	if no := pointsman.Refusals(ev.Facts); len(no) > 0 {
		t.Fatalf("refused: %s", no[0].Sentence())
	}
}
