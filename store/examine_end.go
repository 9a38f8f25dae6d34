package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pointsman/pointsman"
)

// endOf reads how many entries the log has, and the hash of the one that is known, which is NULL where it has none there.
const endOf = `SELECT seq, (SELECT hash FROM log WHERE seq = $1) FROM log_head WHERE id = 1`

// ExamineEnd looks whether the database still has the newest entry that is known, as a start does; nothing where none is known,
// or where it cannot be told from outside. It changes nothing.
func (c Config) ExamineEnd(ctx context.Context) []pointsman.Fact {
	if c.Known.Seq == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	source := c.Path
	if c.Driver == "postgres" {
		source = "postgres"
	}
	var has int64
	var hash sql.NullString
	if err := c.look(ctx, endOf, []any{c.Known.Seq}, &has, &hash); err != nil && !errors.Is(err, errNew) {
		return nil // that the store does not answer stands in a line of its own
	}
	f := pointsman.Fact{
		Kind: pointsman.Hard, Name: "end of the log", Value: "whole", Result: pointsman.Pass, Source: source, At: time.Now(),
		Text: fmt.Sprintf("the log has entry %d, the newest that was acknowledged here", c.Known.Seq),
	}
	if hash.String != c.Known.Hash {
		f.Value, f.Result, f.Text = "lost", pointsman.Fail, (&CutError{Known: c.Known, Has: has}).Error()
		f.Clears = "put the newest copy of the database back if there is a newer one; a start on this one puts the loss on record and parks what was open"
	}
	return []pointsman.Fact{f}
}
