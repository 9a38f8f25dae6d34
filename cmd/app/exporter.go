package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pointsman/pointsman/store"
	"github.com/pointsman/pointsman/store/audit"
)

// Exporter writes signed exports of the log.
type Exporter struct {
	Store *store.Store
	Key   audit.Key
}

// Export writes the zip of one incident, or of the whole log; with proofs that the log continues checkpoints of these sizes.
func (x Exporter) Export(ctx context.Context, w io.Writer, incident string, anchors []uint64) error {
	if _, err := x.Store.Checkpoint(ctx, x.Key); err != nil {
		return fmt.Errorf("sign a checkpoint for the export: %w", err)
	}
	export, err := x.Store.Export(ctx, incident, anchors, x.Key)
	if err != nil {
		return err
	}
	return audit.WriteZip(w, export)
}

// LoadKey reads the log's signing key, or makes one at the first start. The file must not be readable by others: who
// has the key can rewrite the record.
func LoadKey(path string) (audit.Key, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(path)
	}
	if err != nil {
		return audit.Key{}, fmt.Errorf("audit.key_file: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return audit.Key{}, fmt.Errorf("audit.key_file: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return audit.Key{}, fmt.Errorf("audit.key_file: %s has mode %04o, others can read it; run: chmod 600 %s", path, mode, path)
	}
	key, err := audit.ParseKey(strings.TrimSpace(string(b)))
	if err != nil {
		return audit.Key{}, fmt.Errorf("audit.key_file: %s: %w", path, err)
	}
	return key, nil
}

func makeKey(path string) (audit.Key, error) {
	secret, _, err := audit.NewKey("pointsman")
	if err != nil {
		return audit.Key{}, fmt.Errorf("audit.key_file: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return audit.Key{}, fmt.Errorf("audit.key_file: %w", err)
	}
	err = placeNew(path, secret+"\n")
	if errors.Is(err, fs.ErrExist) {
		return LoadKey(path) // another replica made it in this moment
	}
	if err != nil {
		return audit.Key{}, fmt.Errorf("audit.key_file: %w", err)
	}
	return audit.ParseKey(secret)
}

// placeNew makes a file that nobody ever sees half written, also not after a crash, and refuses to replace one.
func placeNew(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-") // readable by its owner only
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		err = os.Rename(f.Name(), path) // a file system without links; two starts in one moment are not told apart there
	}
	return err
}
