package store

import (
	"strings"
	"testing"

	"github.com/pointsman/pointsman/cmd/lab"
)

// What is asked after each commit must not take longer with each run that ever was: a click waits for it. With ten thousand
// runs that were over, each look for work took 21 ms.
func TestLooksDoNotReadWhatIsOver(t *testing.T) {
	t.Parallel()
	looks := map[string]string{
		"runs_for_workers":    `SELECT doc FROM runs WHERE ` + strings.NewReplacer("$1", "7", "$2", "7").Replace(claimable),
		"deliveries_pending":  `SELECT 1 FROM deliveries d WHERE ` + strings.ReplaceAll(due, "$1", "7") + ` LIMIT 1`,
		"checkpoints_by_size": `SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1`,
	}
	for name, on := range map[string]struct {
		cfg     Config
		explain []string
	}{
		"SQLite":     {Config{Path: t.TempDir() + "/p.db"}, []string{`EXPLAIN QUERY PLAN `}},
		"PostgreSQL": {Config{Driver: "postgres", DSN: lab.PostgresDSN(t)}, []string{`SET LOCAL enable_seqscan = off`, `EXPLAIN (COSTS OFF, FORMAT JSON) `}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), on.cfg, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for index, look := range looks {
				tx, err := s.db.begin(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, first := range on.explain[:len(on.explain)-1] {
					if _, err := tx.Exec(t.Context(), first); err != nil {
						t.Fatal(err)
					}
				}
				plan, err := list(t.Context(), tx, func(r Row) (how string, err error) {
					if s.db.alone {
						err = r.Scan(new(int), new(int), new(int), &how)
					} else {
						err = r.Scan(&how)
					}
					return how, err
				}, on.explain[len(on.explain)-1]+look)
				tx.Rollback(t.Context())
				if how := strings.Join(plan, "\n"); err != nil || !strings.Contains(how, index) {
					t.Errorf("%s\nis not answered by %s: %v\n%s", look, index, err, how)
				}
			}
		})
	}
}
