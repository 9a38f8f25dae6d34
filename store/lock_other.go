//go:build !unix

package store

import "errors"

// lockFile refuses: without a lock two processes could run one approval twice.
func lockFile(path string) (func() error, error) {
	return nil, errors.New(path + ": this system has no file locks that end with their process; keep the state in PostgreSQL")
}
