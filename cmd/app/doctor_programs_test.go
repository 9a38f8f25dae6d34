package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/endpoint"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/actions/service"
	"github.com/pointsman/pointsman/configs"
)

// A command that is not installed, lost its executable bit with the last copy, or that everybody can change, must be found
// in the afternoon.
func TestTheDoctorFindsCommandsThatCannotBeRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"good.sh": 0o700, "plain.sh": 0o600, "loose.sh": 0o777, "open/in.sh": 0o700} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte("#!/bin/sh\ntouch "+dir+"/was-run\n"), mode), os.Chmod(file, mode)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir+"/open", 0o777); err != nil {
		t.Fatal(err)
	}
	cfg := configs.Default()
	cfg.Targets.Service = service.Config{{Name: "api", Commands: map[string][]string{"restart": {dir + "/good.sh"}, "drain": {dir + "/plain.sh"}, "kill": {"no-such-program-here"}}}}
	cfg.Targets.Endpoint = endpoint.Config{{Name: "db", Show: []string{dir + "/good.sh"}, Set: []string{dir + "/gone.sh", "{new}"}}}
	cfg.Targets.Postgres = postgres.Config{{
		Name: "orders", NodeHook: postgres.NodeHook{Command: []string{"ssh-that-is-not-installed", "{node}"}},
		Fence: postgres.Fence{Command: []string{dir + "/loose.sh"}, Network: []string{dir + "/open/in.sh"}, NetworkUndo: []string{"sh", dir + "/loose.sh", "{node}"}},
	}}
	var bad []string
	facts := examinePrograms(&cfg)
	for _, f := range facts {
		if f.Result != pointsman.Pass {
			bad = append(bad, f.Name)
		}
	}
	if got, want := strings.Join(bad, ", "), "postgres/orders fence.command, postgres/orders fence.network, postgres/orders fence.network_undo, "+
		"postgres/orders node_hook.command, service/api command drain, service/api command kill, endpoint/db set"; got != want || len(facts) != 9 {
		t.Errorf("%d facts, not in order: %s", len(facts), got)
	}
	if want := "everybody on this machine can change " + dir + "/loose.sh, which runs as our user"; facts[0].Text != want || facts[0].Clears != "chmod o-w "+dir+"/loose.sh" {
		t.Errorf("%q, %q; want %q", facts[0].Text, facts[0].Clears, want)
	}
	if _, err := os.Stat(dir + "/was-run"); err == nil {
		t.Error("the doctor ran a command")
	}
}
