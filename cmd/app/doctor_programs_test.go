package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/endpoint"
	"github.com/pointsman/pointsman/actions/service"
	"github.com/pointsman/pointsman/configs"
)

// A command that is not installed, or lost its executable bit with the last copy, must be found in the afternoon.
func TestTheDoctorFindsCommandsThatCannotBeRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"good.sh": 0o700, "plain.sh": 0o600} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\ntouch "+dir+"/was-run\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	cfg := configs.Default()
	cfg.Targets.Service = service.Config{{Name: "api", Commands: map[string][]string{"restart": {dir + "/good.sh"}, "drain": {dir + "/plain.sh"}, "kill": {"no-such-program-here"}}}}
	cfg.Targets.Endpoint = endpoint.Config{{Name: "db", Show: []string{dir + "/good.sh"}, Set: []string{dir + "/gone.sh", "{new}"}}}
	var bad []string
	facts := examinePrograms(&cfg)
	for _, f := range facts {
		if f.Result != pointsman.Pass {
			bad = append(bad, f.Name)
		}
	}
	if got, want := strings.Join(bad, ", "), "service/api command drain, service/api command kill, endpoint/db set"; got != want || len(facts) != 5 {
		t.Errorf("%d facts, not in order: %s", len(facts), got)
	}
	if _, err := os.Stat(dir + "/was-run"); err == nil {
		t.Error("the doctor ran a command")
	}
}
