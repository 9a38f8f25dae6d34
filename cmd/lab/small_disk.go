package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// SmallDisk is a file system of its own, which can be filled.
type SmallDisk struct {
	path string
	dir  *Dir // where it was mounted for itself
}

// NewSmallDisk makes a file system in memory of so many bytes, for a program that keeps its data in files. It needs
// Linux and root.
func NewSmallDisk(size int64) (*SmallDisk, error) {
	dir, err := NewDir("disk")
	if err != nil {
		return nil, err
	}
	d := &SmallDisk{path: filepath.Join(dir.Path, "data"), dir: dir}
	if err = os.Mkdir(d.path, 0o700); err == nil {
		err = mountMemory(d.path, size)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Path is the folder in which it is mounted.
func (d *SmallDisk) Path() string { return d.path }

// Close takes back the room of a disk of NewSmallDisk.
func (d *SmallDisk) Close() error { return errors.Join(unmount(d.path), d.dir.Close()) }

// OnSmallDisk moves a part of the data of a stopped server, "" for all of it or "pg_wal", to a file system in memory
// with room for 64 MB more than it holds. The room is taken back with the server. It needs Linux and root.
func (s *Postgres) OnSmallDisk(ctx context.Context, part string) (*SmallDisk, error) {
	if s.Running() {
		return nil, fmt.Errorf("%s runs: its data cannot be moved", s.Name)
	}
	path := filepath.Join(s.DataDir(), part)
	used, err := sizeOf(path)
	if err != nil {
		return nil, err
	}
	old := filepath.Join(s.dir.Path, "before")
	if err := errors.Join(os.Rename(path, old), os.Mkdir(path, 0o700)); err != nil {
		return nil, err
	}
	if err := mountMemory(path, used+64<<20); err != nil {
		return nil, err
	}
	err = errors.Join(os.Chmod(path, 0o700), s.dir.Give(path)) //nolint:gosec // PostgreSQL asks for it
	if err == nil {
		err = runTool(ctx, "cp", "-Rp", old+"/.", path)
	}
	return &SmallDisk{path: path}, errors.Join(err, os.RemoveAll(old))
}

// Fill takes all the room that is left.
func (d *SmallDisk) Fill() error {
	file, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, zeros{})
	if errors.Is(err, syscall.ENOSPC) {
		err = nil
	}
	return errors.Join(err, file.Close())
}

// Free gives back what Fill took.
func (d *SmallDisk) Free() error { return os.Remove(d.ballast()) }

func (d *SmallDisk) ballast() string { return filepath.Join(d.path, "ballast") }

// zeros never end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func sizeOf(folder string) (n int64, err error) {
	err = filepath.Walk(folder, func(_ string, info os.FileInfo, err error) error {
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}
