package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pressly/goose/v3"
)

// guardLog is the migration after which the log, its tree and its checkpoints can only grow. It is Go because trigger
// syntax is the one thing in the schema that the two databases do not share. Whoever owns the database can drop a
// trigger; what they change then is found by the checkpoints. The triggers stop mistakes.
func guardLog(triggers []string) *goose.Migration {
	return goose.NewGoMigration(2, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		for _, sql := range triggers {
			if _, err := tx.ExecContext(ctx, sql); err != nil {
				return fmt.Errorf("guard the log: %w", err)
			}
		}
		return nil
	}}, nil)
}

// guarded are the tables that only grow.
var guarded = [...]string{"log", "log_tree", "checkpoints"}

func sqliteTriggers() []string {
	var out []string
	for _, table := range guarded {
		for _, verb := range []string{"UPDATE", "DELETE"} {
			out = append(out, fmt.Sprintf(`CREATE TRIGGER %[1]s_never_%[2]s BEFORE %[2]s ON %[1]s
				BEGIN SELECT RAISE(ABORT, 'the table %[1]s only grows'); END`, table, verb))
		}
	}
	return out
}

func postgresTriggers() []string {
	out := []string{`CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'the table % only grows', TG_TABLE_NAME; END $$`}
	for _, table := range guarded {
		out = append(out, fmt.Sprintf(`CREATE TRIGGER %[1]s_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON %[1]s
			FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()`, table))
	}
	return out
}
