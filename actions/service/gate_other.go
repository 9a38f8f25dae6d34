//go:build !linux

package service

import (
	"context"
	"os/exec"
)

// Gate does nothing: only Linux has one.
func Gate() {}

type gate struct{}

func behind(*exec.Cmd) (*gate, error) { return nil, nil }

func (*gate) open(context.Context) error { return nil }

func (*gate) close() {}
