package app

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What waited while the process stood still has been said to another replica by now; what is asked for is still answered.
func TestWhoStoodStillTakesNothingForAMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &standstill{log: slog.New(slog.DiscardHandler)}
		served := 0
		door := s.guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
		knock := func(method string) *httptest.ResponseRecorder {
			rec := httptest.NewRecorder()
			door.ServeHTTP(rec, httptest.NewRequest(method, "/", nil))
			return rec
		}
		is := func(why, method string, want int) {
			t.Helper()
			before := served
			rec := knock(method)
			if rec.Code != want || (served > before) != (want == http.StatusOK) {
				t.Errorf("%s: %s is answered %d, want %d: %s", why, method, rec.Code, want, rec.Body)
			}
		}
		is("the first one, long after the door was made", "POST", http.StatusOK)
		time.Sleep(stoodStill - time.Millisecond)
		is("a busy moment is no standstill", "POST", http.StatusOK)
		time.Sleep(stoodStill)
		is("it stood still", "POST", http.StatusServiceUnavailable)
		is("it stood still", "GET", http.StatusOK)
		time.Sleep(clearing - time.Millisecond)
		refused := knock("POST")
		if text := refused.Body.String(); refused.Header().Get("Retry-After") != "1" || !strings.Contains(text, "nothing was changed") {
			t.Errorf("until the end of the moment: %v %s", refused.Header(), text)
		}
		time.Sleep(time.Millisecond)
		is("the moment is over", "POST", http.StatusOK)
	})
}

// The loop looks often enough for a process that merely has nothing to do.
func TestWhoHasNothingToDoDidNotStandStill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &standstill{log: slog.New(slog.DiscardHandler)}
		go func() { _ = s.run(t.Context()) }()
		time.Sleep(time.Hour)
		if wait := s.look(); wait != 0 {
			t.Errorf("it refuses for %s", wait)
		}
	})
}
