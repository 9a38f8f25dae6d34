package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/pointsman/pointsman"
)

// An approval is lost, its owner thinks again, takes the line from the history of the shell and writes deny: what he reads
// must not be that it was done, and neither must what unlocks be answered by what locked.
func TestANameIsNotTakenByAnotherRequest(t *testing.T) {
	t.Parallel()
	d := &desk{}
	e := echo.New()
	(&Server{Store: d, Log: d, People: d, Holds: d, Desk: d, Names: d}).Register(e)
	post := func(path, body string) (int, pointsman.Answer) {
		t.Helper()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1"+path, strings.NewReader(body))
		req.Header = http.Header{"Authorization": {"Bearer the-token-of-ana"}, "Content-Type": {"application/json"}, "Idempotency-Key": {"K"}}
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, req)
		var ans pointsman.Answer
		if err := json.Unmarshal(rec.Body.Bytes(), &ans); err != nil {
			t.Fatal(err)
		}
		return rec.Code, ans
	}
	const approval = `{"id":"INC-7/P1","digest":"d1f1f1f1f1f1","verdict":"approve"}`
	for range 2 { // the same request, also the second time, is the store's matter
		if status, ans := post("/votes", approval); status != http.StatusOK {
			t.Fatalf("%d %+v", status, ans)
		}
	}
	for path, other := range map[string]string{"/votes": strings.Replace(approval, "approve", "deny", 1), "/rechecks": approval} {
		status, ans := post(path, other)
		if status != http.StatusUnprocessableEntity || !strings.Contains(ans.Text, "nothing was done: the name K was given to another request") {
			t.Errorf("%s %s: %d %+v", path, other, status, ans)
		}
	}
	if len(d.done) != 2 {
		t.Errorf("%d commands reached the store, want 2: %+v", len(d.done), d.done)
	}
}
