package service_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/actiontest"
	"github.com/pointsman/pointsman/actions/service"
)

func TestACommandThatCannotBeStartedSentNothing(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "restart")
	if err := os.WriteFile(file, []byte("#!/no/such/shell\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	k := kind(t, service.KindRun, service.Target{Name: "api", Commands: map[string][]string{"restart": {file}}})
	if _, err := apply(t, k, time.Minute); !isNotSent(err) {
		t.Errorf("%v, want an error that proves that nothing was started", err)
	}
	if _, err := apply(t, kind(t, service.KindRun, api("exit 3")), time.Minute); err == nil || isNotSent(err) {
		t.Errorf("%v: a command that ran and failed may have done something", err)
	}
}

// A process that stood still between the engine's last look at the clock and here must not begin what somebody else has
// decided about meanwhile.
func TestACommandIsNotStartedAfterItsTime(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "did")
	k := kind(t, service.KindRun, api("touch "+file))
	_, err := k.Apply(actiontest.Asleep(t.Context()), input(restart))
	if !isNotSent(err) || !errors.Is(err, actions.ErrLate) {
		t.Errorf("%v, want %v", err, actions.ErrLate)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("it was started")
	}
}

func isNotSent(err error) bool {
	_, ok := errors.AsType[*actions.NotSentError](err)
	return ok
}
