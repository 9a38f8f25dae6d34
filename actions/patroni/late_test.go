package patroni

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/actiontest"
)

// A process that stood still must not ask for a switchover when it wakes up: somebody else has seen that there was none.
func TestNothingIsAskedOfPatroniAfterTheStepsTime(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(server.Close)
	c := Cluster{Name: "orders", ReadTimeout: time.Second}
	answer, err := c.post(actiontest.Asleep(t.Context()), Member{Name: "pg-1", URL: server.URL}, "/switchover", struct{}{})
	if !errors.Is(err, actions.ErrLate) || answer.Sent || asked.Load() != 0 {
		t.Errorf("%+v %v after %d requests, want %v and none", answer, err, asked.Load(), actions.ErrLate)
	}
}
