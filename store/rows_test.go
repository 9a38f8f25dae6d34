package store

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/lab"
)

// TestJoined: rows of one table go in together, and nothing else changes its place or its meaning.
func TestJoined(t *testing.T) {
	t.Parallel()
	const into = `INSERT INTO log_tree (ix, h) VALUES ($1, $2)`
	var b batch
	b.one(`UPDATE counters SET n = $1 WHERE name = 'incident'`, 1)
	for i := range 2*rowsAtOnce + 1 {
		b.one(into, i, fmt.Sprint(i))
	}
	const other = `INSERT INTO seen (once, at) VALUES ($1, (SELECT $2))`
	for i := range rowsAtOnce {
		b.one(other, i, i)
	}
	var got []string
	var args []any
	for _, s := range b.joined() {
		got = append(got, fmt.Sprintf("%.46s, %d changed", s.sql, s.want))
		args = append(args, s.args...)
	}
	want := []string{
		"UPDATE counters SET n = $1 WHERE name = 'incid, 1 changed",
		"INSERT INTO log_tree (ix, h) VALUES ($1, $2), , 50 changed", "INSERT INTO log_tree (ix, h) VALUES ($1, $2), , 50 changed",
		"INSERT INTO log_tree (ix, h) VALUES ($1, $2), 1 changed",
	}
	for range rowsAtOnce {
		want = append(want, "INSERT INTO seen (once, at) VALUES ($1, (SELEC, 1 changed")
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	var all []any
	for _, s := range b {
		all = append(all, s.args...)
	}
	if d := cmp.Diff(all, args); d != "" {
		t.Error(d)
	}
	upsert := widened(`INSERT INTO a (x) VALUES ($1)
		ON CONFLICT (x) DO UPDATE SET x = excluded.x`, 1)
	if wantEnd := "($50)\n\t\tON CONFLICT (x) DO UPDATE SET x = excluded.x"; len(upsert) < len(wantEnd) || upsert[len(upsert)-len(wantEnd):] != wantEnd {
		t.Error(upsert)
	}
}

// TestPostgres_looks_for_known_alerts_by_their_number: a plan that was made while an incident had few alerts would go
// through all of them for each one that it looks for: half a second for 500 beside 30,000, and more with each webhook.
func TestPostgres_looks_for_known_alerts_by_their_number(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Config{Driver: "postgres", DSN: lab.PostgresDSN(t) + "&pool_max_conns=1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	const webhooks, each = 8, rowsAtOnce + 10 // PostgreSQL keeps a plan from the sixth time on
	for i := range webhooks {
		var many []pointsman.Alert
		for k := range each {
			many = append(many, pointsman.Alert{Fingerprint: fmt.Sprintf("%d-%d", i, k), Status: pointsman.AlertFiring})
		}
		for range 2 {
			if _, err := s.Do(t.Context(), pointsman.ReceiveAlerts{Key: "storm", Title: "storm", Alerts: many}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var stored, anew, kept int
	err = s.db.direct.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM alerts), SUM(custom_plans), SUM(generic_plans)
		FROM pg_prepared_statements WHERE statement LIKE 'SELECT doc FROM alerts%'`).Scan(&stored, &anew, &kept)
	if err != nil {
		t.Fatal(err)
	}
	if stored != webhooks*each || anew < webhooks || kept > 0 {
		t.Errorf("%d alerts, want %d; looked for with %d new plans and %d kept ones", stored, webhooks*each, anew, kept)
	}
}
