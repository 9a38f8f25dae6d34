package app

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A kubelet restarts what is not alive and leads no traffic to what is not ready: a store that does not answer must not
// look like a dead process.
func TestAliveAndReadyAreTwoQuestions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		store error
		want  map[string]int
		says  string
	}{
		"all is well": {nil, map[string]int{"/health/live": 200, "/-/healthy": 200, "/health/ready": 200, "/-/ready": 200}, "Pointsman is ready.\n"},
		"the store does not answer": {
			errors.New("the store does not answer"),
			map[string]int{"/health/live": 200, "/-/healthy": 200, "/health/ready": 503, "/-/ready": 503},
			"Pointsman is not ready: the store does not answer\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEcho(nil)
			health{people: directory{}, ready: func(context.Context) error { return c.store }, reg: prometheus.NewRegistry()}.register(e)
			for path, want := range c.want {
				for _, method := range []string{http.MethodGet, http.MethodHead} {
					rec := httptest.NewRecorder()
					e.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), method, path, nil))
					if rec.Code != want {
						t.Errorf("%s %s: %d, want %d", method, path, rec.Code, want)
					}
					if path == "/health/ready" && method == http.MethodGet && rec.Body.String() != c.says {
						t.Errorf("%q", rec.Body)
					}
				}
			}
		})
	}
}

// On SQLite each look is a write that waits for the disk, and clicks wait behind it.
func TestALoopOfQuestionsIsNoLoopOfWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		r := newReadiness(func(context.Context) error {
			asked++
			if asked > 1 {
				return errors.New("the store does not answer")
			}
			return nil
		})
		for range 1000 {
			if err := r.now(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if asked != 1 {
			t.Errorf("the store was asked %d times at one moment", asked)
		}
		time.Sleep(readyFor)
		if err := r.now(t.Context()); err == nil || asked != 2 {
			t.Errorf("%v after %d looks: the old answer holds for ever", err, asked)
		}
	})
}
