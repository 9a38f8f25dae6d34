package main

import (
	"os"
	"testing"

	"github.com/pointsman/pointsman/actions/service"
)

// TestMain: this program is the one that starts itself as the gate of a command, and in that place it must not run its tests.
func TestMain(m *testing.M) {
	service.Gate()
	os.Exit(m.Run())
}
