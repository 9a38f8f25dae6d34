package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pointsman/pointsman/cmd/api"
	"github.com/pointsman/pointsman/store"
)

// torn is an exporter whose database goes away in the middle.
type torn struct{}

func (torn) Export(_ context.Context, w io.Writer, _ string, _ []uint64) error {
	if _, err := io.WriteString(w, "PK, and half of the entries"); err != nil {
		return err
	}
	return errors.Join(http.NewResponseController(w.(http.ResponseWriter)).Flush(), errors.New("the database is away"))
}

// A record that lacks its second half must not arrive as a whole file with status 200.
func TestAnExportThatFailsInTheMiddleBreaksOff(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), store.Config{Path: ":memory:"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	e := newEcho(slog.New(slog.DiscardHandler))
	(&api.Server{Store: db, Log: db, People: directory{}, Exporter: torn{}}).Register(e)
	srv := httptest.NewServer(Hurried(e, bodyWithin))
	t.Cleanup(srv.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/api/v1/audit/export", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer token-of-ana")
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("%s: %q arrived as if it were all", resp.Status, body)
	}
}
