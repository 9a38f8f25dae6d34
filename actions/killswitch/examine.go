package killswitch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres/dsn"
)

// clockLimit is how far a database's clock may be from ours before it misleads people who read when a switch was thrown.
const clockLimit = 2 * time.Second

// Examine looks whether every configured switch could be thrown: its database answers and takes writes, the row is
// there, the role may read and change it, and the clock that stamps the row is right. It changes nothing.
func (c Config) Examine(ctx context.Context) []pointsman.Fact {
	var out []pointsman.Fact
	for _, s := range c {
		s = s.WithDefaults()
		f := pointsman.Fact{Kind: pointsman.Hard, Name: "kill switch " + s.Name, Value: "ready", Result: pointsman.Pass, Source: s.Table, At: time.Now()}
		f.Text = fmt.Sprintf("row %d of %s can be read and changed", s.ID, s.Table)
		text, clears, offset := s.examine(ctx)
		if text != "" {
			f.Value, f.Result, f.Text, f.Clears = "not ready", pointsman.Fail, text, clears
		}
		out = append(out, f)
		if offset != nil {
			out = append(out, s.clock(offset.Round(time.Millisecond)))
		}
	}
	return out
}

// clock is guard G32.
func (s Switch) clock(offset time.Duration) pointsman.Fact {
	f := pointsman.Fact{
		Guard: "G32", Kind: pointsman.Warn, Name: "kill switch " + s.Name + " clock", Value: offset.String(), Limit: clockLimit.String(), Source: s.Table, At: time.Now(),
		Result: pointsman.Pass, Text: fmt.Sprintf("its database's clock is %s from ours, limit %s", offset, clockLimit),
	}
	if offset.Abs() > clockLimit {
		f.Result, f.Clears = pointsman.Fail, "run an NTP client on both machines; when the switch was thrown is told by its database's clock"
	}
	return f
}

// examine returns what is wrong and what would clear it; nothing is wrong where the text is empty. offset is how far the
// database's clock is from ours, nil where it did not say.
func (s Switch) examine(ctx context.Context) (text, clears string, offset *time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	conn, err := s.connect(ctx)
	if err != nil {
		return "its database cannot be reached, so the switch counts as engaged and cannot be thrown: " + err.Error(), "start the database, or correct dsn, pg_hba.conf and password", nil
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // reads only; nothing is lost
	var may, found, readOnly bool
	var now time.Time
	asked := time.Now()
	err = conn.QueryRow(ctx, `SELECT pg_catalog.has_table_privilege($1, 'SELECT') AND pg_catalog.has_table_privilege($1, 'UPDATE'),
		pg_catalog.pg_is_in_recovery(), pg_catalog.clock_timestamp()`, s.Table).
		Scan(&may, &readOnly, &now)
	if err != nil {
		return "the table " + s.Table + " is not there", "create it; docs/actions/killswitch.engage.md has the statement", nil
	}
	off := now.Sub(asked.Add(time.Since(asked) / 2)) // the answer lies somewhere between question and now
	switch {
	case !may:
		return "the role may not read and change " + s.Table, "GRANT SELECT, INSERT, UPDATE ON " + s.Table, &off
	case readOnly:
		return "the address leads to a standby, which takes no writes", "name all hosts in the DSN, with target_session_attrs=read-write", &off
	}
	err = conn.QueryRow(ctx, `SELECT true FROM `+s.table()+` WHERE id OPERATOR(pg_catalog.=) $1`, s.ID).Scan(&found)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Sprintf("%s has no row %d, so the switch counts as engaged", s.Table, s.ID), fmt.Sprintf("INSERT INTO %s (id, engaged, reason, updated_at) VALUES (%d, false, '', now())", s.Table, s.ID), &off
	}
	if err != nil {
		return "the row cannot be read: " + err.Error(), "see the columns in docs/actions/killswitch.engage.md", &off
	}
	return "", "", &off
}

// Addresses lists host:port of every switch's database by the target's key.
func (c Config) Addresses() map[string][]string {
	out := map[string][]string{}
	for _, s := range c {
		cfg, err := s.config()
		if err != nil {
			continue
		}
		key := pointsman.Target{Kind: "killswitch", Name: s.Name}.Key()
		out[key] = dsn.Hosts(cfg)
	}
	return out
}
