package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/pointsman/pointsman/store"
)

// announced is the file beside the signing key that holds the newest entry of the log that this host has acknowledged.
// It is outside the database on purpose: a database that has lost its end does not know that it ever had more.
type announced struct {
	file string
	last store.Tail
	log  *slog.Logger

	failing bool // and it was told
}

// announcedBeside is that of the server with this signing key.
func announcedBeside(key string, log *slog.Logger) announced {
	return announced{file: filepath.Join(filepath.Dir(key), "announced.json"), log: log}
}

// read returns what was written last; nothing where there is no file. A file that cannot be read is an error: without
// it a loss would pass in silence.
func (a *announced) read() (store.Tail, error) {
	raw, err := os.ReadFile(a.file)
	if errors.Is(err, fs.ErrNotExist) {
		return store.Tail{}, nil
	}
	if err == nil {
		a.last.Mend = -1 // older versions did not say
		err = json.Unmarshal(raw, &a.last)
	}
	if err != nil {
		return store.Tail{}, fmt.Errorf("newest acknowledged entry of the log: %s: %w; remove the file if the loss of its end need not be noticed", a.file, err)
	}
	return a.last, nil
}

// write replaces the file as a whole. A failure is not worth stopping for: an older entry notices less, not wrong.
func (a *announced) write(now store.Tail) {
	if now == a.last {
		return
	}
	raw, err := json.Marshal(now)
	if err == nil {
		err = replace(a.file, raw)
	}
	if err != nil {
		if !a.failing { // it is tried twice a second
			a.log.Warn("newest entry of the log not kept beside the key", "file", a.file, "err", err)
		}
		a.failing = true
		return
	}
	a.last, a.failing = now, false
}

// replace puts a file in the place of another, of which nobody ever sees a part: neither after a loss of power, nor where
// another replica on this machine keeps its own word in the same place.
func replace(path string, raw []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-") // readable by its owner only
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// announceEvery bounds what may be lost and not be noticed after a restart of both the database and this program.
const announceEvery = 500 * time.Millisecond

// watchTail looks whether the log still has its end, and keeps outside of the database how far it goes.
func (a *App) watchTail(ctx context.Context) error {
	tick := time.NewTicker(announceEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := a.store.Whole(ctx)
		if _, lost := errors.AsType[*store.CutError](err); lost {
			err = a.store.Mend(ctx)
		}
		if err != nil {
			if ctx.Err() == nil {
				a.log.Warn("end of the log not looked at", "err", err)
			}
			continue
		}
		a.announced.write(a.store.Tail())
	}
}
