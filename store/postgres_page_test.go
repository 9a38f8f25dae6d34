package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/lab"
	"github.com/pointsman/pointsman/store"
)

// A page of PostgreSQL that is broken is an error to whoever needs it, and never an answer: a run that cannot be read is not
// taken for one that is not there, and nothing is decided on a log that cannot be continued.
func TestPostgres_takes_no_broken_page_for_an_empty_one(t *testing.T) {
	t.Parallel()
	server := lab.NewPostgres(t, lab.PostgresOptions{Name: "pg-own", InMemory: true})
	cfg := store.Config{Driver: "postgres", DSN: server.DSN(lab.Superuser, lab.AppDatabase)}
	s := open(t, cfg)
	queued(t, s)
	for _, c := range []struct {
		table string
		needs func() error
	}{
		{"runs", func() error { _, _, err := s.ClaimRun(t.Context(), "one", time.Minute); return err }},
		{"runs", func() error {
			_, err := s.Do(t.Context(), pointsman.CloseIncident{Incident: "INC-1", Reason: "over"})
			return err
		}},
		{"incidents", func() error { _, err := s.Do(t.Context(), outage(1)); return err }},
		{"log_head", func() error { _, err := s.Do(t.Context(), outage(2)); return err }},
		{"log", func() error { _, err := s.Log(t.Context(), 0, 10); return err }},
		{"counters", func() error { return s.Ping(t.Context()) }},
	} {
		heal := breakPages(t, server, cfg.DSN, c.table)
		if err := settled(c.needs); err == nil || !strings.Contains(err.Error(), "invalid page in block 0 of relation") {
			t.Errorf("the pages of %s are broken, and it says: %v", c.table, err)
		}
		if err := s.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "invalid page in block 0 of relation") {
			t.Errorf("the pages of %s are broken and were needed, and it is ready: %v", c.table, err)
		}
		heal()
	}
	var claim pointsman.Claim
	err := settled(func() (err error) {
		claim, _, err = s.ClaimRun(t.Context(), "one", time.Minute)
		return err
	})
	if err != nil || claim.Run.ID != "INC-1/R1" {
		t.Errorf("with the pages back %q is claimed, %v", claim.Run.ID, err)
	}
}

// settled is the answer of a server that was restarted: the first ones come from connections that the restart has ended.
func settled(ask func() error) (err error) {
	for range 20 {
		if err = ask(); err == nil || strings.Contains(err.Error(), "invalid page") {
			return err
		}
	}
	return err
}

// breakPages puts junk over a table while the server is down. The returned function puts back what was there.
func breakPages(t *testing.T, server *lab.Postgres, dsn, table string) (heal func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	var path string
	if err := conn.QueryRow(t.Context(), `SELECT pg_relation_filepath($1)`, table).Scan(&path); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(t.Context())
	path = filepath.Join(server.DataDir(), path)
	var whole []byte
	swap := func(pages []byte) {
		t.Helper()
		if err := server.Stop(t.Context(), lab.Fast); err != nil {
			t.Fatal(err)
		}
		if pages == nil { // what the shutdown has written
			whole, err = os.ReadFile(path)
			pages = bytes.Repeat([]byte{0xa5}, len(whole))
		}
		if err == nil {
			err = os.WriteFile(path, pages, 0o600)
		}
		if err == nil {
			err = server.Start(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	swap(nil)
	return func() { swap(whole) }
}
