package demo

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// A name of somebody else that leads to this machine (DNS rebinding) must not make the page theirs.
func TestThePageAnswersUnderItsOwnNamesOnly(t *testing.T) {
	t.Parallel()
	page := ownHost(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for host, want := range map[string]int{
		"127.0.0.1:9097": 200, "localhost:9097": 200, "[::1]:9097": 200, "127.0.0.1": 200, "[::1]": 200,
		"rebound.example:9097": 403, "127.0.0.1.rebound.example:9097": 403, "192.0.2.7:9097": 403, "": 403,
	} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/do/press", nil)
		req.Host = host
		rec := httptest.NewRecorder()
		page.ServeHTTP(rec, req)
		if rec.Code != want {
			t.Errorf("%q: %d, want %d", host, rec.Code, want)
		}
	}
}
