package app

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pointsman/pointsman/store"
)

// Replicas on one machine may share the folder of the key. What one of them finds at its start must be a whole word, or it
// does not start.
func TestNobodySeesHalfOfWhatWasAnnounced(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "announced.json")
	ended := make(chan struct{})
	const replicas, entries = 2, 200
	for replica := range replicas {
		go func() {
			defer func() { ended <- struct{}{} }()
			one := announced{file: file, log: slog.New(slog.NewTextHandler(t.Output(), nil))}
			for seq := range int64(entries) {
				one.write(store.Tail{Seq: seq + 1, Hash: strings.Repeat("ab", 32+replica)})
			}
		}()
	}
	for running := replicas; running > 0; {
		select {
		case <-ended:
			running--
		default:
		}
		one := announced{file: file}
		if _, err := one.read(); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := filepath.Glob(file + "*"); err != nil || len(all) != 1 {
		t.Errorf("%v, %v: want one file", all, err)
	}
}

// What an older version wrote says nothing of how often the log was mended. Taken for never, a mending of before would pass
// for one of the loss that is noticed next.
func TestWhatAnOlderVersionAnnouncedSaysOfNoMending(t *testing.T) {
	t.Parallel()
	one := announced{file: filepath.Join(t.TempDir(), "announced.json")}
	if err := replace(one.file, []byte(`{"seq": 95, "hash": "ab", "mended": 7}`)); err != nil {
		t.Fatal(err)
	}
	if last, err := one.read(); err != nil || last != (store.Tail{Seq: 95, Hash: "ab", Mend: -1, Mended: 7}) {
		t.Errorf("%+v, %v", last, err)
	}
}
