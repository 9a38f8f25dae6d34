package storetest

import (
	"context"
	"database/sql"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // drivers for the back door
	_ "modernc.org/sqlite"
)

// sql goes past the store, as a careless hand or a thief would.
func (s *story) sql(statements ...string) error {
	driver, dsn := "sqlite", s.cfg.Path
	if s.cfg.Driver == "postgres" {
		driver, dsn = "pgx", s.cfg.DSN
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(context.Background(), statement); err != nil {
			return err
		}
	}
	return nil
}

// unguarded changes a guarded table as the owner of the database can.
func (s *story) unguarded(statement string) {
	s.tb.Helper()
	table := strings.Fields(statement)[1]
	off, on := []string{"ALTER TABLE " + table + " DISABLE TRIGGER USER"}, []string{"ALTER TABLE " + table + " ENABLE TRIGGER USER"}
	if s.cfg.Driver != "postgres" {
		off, on = []string{"DROP TRIGGER IF EXISTS " + table + "_never_UPDATE"}, nil
	}
	if err := s.sql(append(append(off, statement), on...)...); err != nil {
		s.tb.Fatal(err)
	}
}
