//go:build !linux

package lab

import (
	"context"
	"errors"
)

type namespace struct{}

var errNoIslands = errors.New("a network namespace needs Linux")

// NewIsland says that there are none here.
func NewIsland(context.Context) (*Island, error) { return nil, errNoIslands }

// Close does nothing.
func (*Island) Close() error { return nil }

func (*Island) inside(func() error) error { return errNoIslands }

func (namespace) enter() error { return errNoIslands }

func runIP(context.Context, ...string) error { return errNoIslands }
