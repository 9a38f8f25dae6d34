package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/configs"
)

// Whoever changes the level of the log and reads "reloaded" believes that it is in force.
func TestAReloadNamesWhatNeedsARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "pointsman.yaml")
	base := "web: {listen: \"127.0.0.1:0\", socket: \"\"}\nstorage: {path: " + dir + "/p.db}\naudit: {key_file: " + dir + "/audit.key}\nalertmanager: {tokens: [token-of-the-test]}\n"
	load := func() (*configs.Config, error) {
		cfg, _, err := configs.Load(file, nil)
		return cfg, err
	}
	write := func(more string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(base+more), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	cfg, err := load()
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), cfg, Options{Version: "test", Load: load})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(a.server.stop(0), a.store.Close()) })
	for _, c := range []struct {
		more    string
		waiting []string
		says    string
	}{
		{"", nil, "the server reloaded the configuration"},
		{"people: [{id: ana, name: Ana}]\n", nil, "the server reloaded the configuration"},
		{"log: {level: debug}\n", []string{"log"}, "the server reloaded the configuration; log changed too, which needs a restart"},
		{"log: {level: debug}\ntimings: {lease: 9s}\n", []string{"timings", "log"}, "reloaded the configuration; timings and log changed too, which needs a restart"},
		{"timings: {update_every: 20m}\n", nil, "the server reloaded the configuration"},
		{"log: {level: loud}\n", nil, "the server kept its configuration, the offered one has faults: " + file + ":5: log.level: "},
		{"log: {level: loud}\nroutes: {}\n", nil, " (and 1 more)"},
		{"targets: {service: [{name: api, environment: staging, health: [{url: \"http://127.0.0.1:1/\"}]}]}\n", nil, "the server kept its configuration: targets changed, which needs a restart"},
	} {
		write(c.more)
		waiting, err := a.Reload(t.Context(), pointsman.Actor{Door: pointsman.DoorCLI, Ref: "SIGHUP"})
		if kept := strings.Contains(c.says, "kept") || strings.Contains(c.says, "more"); kept != (err != nil) {
			t.Errorf("%q: %v", c.more, err)
		}
		if diff := cmp.Diff(c.waiting, waiting); diff != "" {
			t.Errorf("%q (-want +got)\n%s", c.more, diff)
		}
		entries, err := a.store.Log(t.Context(), 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if last := string(entries[len(entries)-1].Body); !strings.Contains(last, c.says) {
			t.Errorf("%q: the log says %s", c.more, last)
		}
	}
}

// A signal and a request may ask at once. Where both read and put in force side by side, the file that was read first could
// come into force last.
func TestReloadsComeOneAfterTheOther(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "pointsman.yaml")
	text := "web: {listen: \"127.0.0.1:0\", socket: \"\"}\nstorage: {path: " + dir + "/p.db}\naudit: {key_file: " + dir + "/audit.key}\nalertmanager: {tokens: [token-of-the-test]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := configs.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	var reading atomic.Int32
	second := make(chan struct{}, 1)
	a, err := New(t.Context(), cfg, Options{Version: "test", Load: func() (*configs.Config, error) {
		defer reading.Add(-1)
		if reading.Add(1) > 1 {
			second <- struct{}{}
		}
		select {
		case <-second: // the other one came in meanwhile
			return nil, errors.New("two at once")
		case <-time.After(100 * time.Millisecond):
		}
		return cfg, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(a.server.stop(0), a.store.Close()) })
	outcomes := make(chan error)
	for range 2 {
		go func() {
			_, err := a.Reload(t.Context(), pointsman.Actor{Door: pointsman.DoorCLI, Ref: "SIGHUP"})
			outcomes <- err
		}()
	}
	for range 2 {
		if err := <-outcomes; err != nil {
			t.Error(err)
		}
	}
}

// A service manager may start and stop in one breath; it must not call that a crash.
func TestAStopDuringTheStartIsAnEndInOrder(t *testing.T) {
	t.Parallel()
	cfg := configs.Default()
	dir := t.TempDir()
	cfg.Web = configs.Web{Listen: "127.0.0.1:0"}
	cfg.Storage.Path, cfg.Audit.KeyFile = filepath.Join(dir, "p.db"), filepath.Join(dir, "audit.key")
	cfg.Alertmanager.Tokens = []string{"token-of-the-test"}
	a, err := New(t.Context(), &cfg, Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := a.Run(ctx); err != nil {
		t.Error(err)
	}
}
