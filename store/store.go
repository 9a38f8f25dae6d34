// Package store keeps incidents, runs and the log in SQLite or PostgreSQL.
//
// Do carries out every change: state, events and outbox cursor are written in one transaction, or nothing is. The log
// is audit trail, timeline and outbox in one; package audit below makes tampering visible. The SQL is written once for
// both databases; database.go and the two files that fill it in are the only places that know which one it is.
package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
)

// Config says where the state is kept.
type Config struct {
	Driver  string `yaml:"driver"`   // "sqlite", the default, or "postgres"
	Path    string `yaml:"path"`     // sqlite: the database file; its folder is made; ":memory:" for tests
	DSN     string `yaml:"dsn"`      // postgres: a URL or key=value string; pool_max_conns (10) and pool_min_idle_conns (3) may be given there
	DSNFile string `yaml:"dsn_file"` // postgres: a file that holds the DSN
	// Keep is how long deliveries and the names of requests are kept after they have served; 0 for ever. See Prune.
	Keep time.Duration `yaml:"keep"`

	// DeliveryLease is how long a claimed delivery stays with a process that does not prolong it; 0 means 30 s.
	DeliveryLease time.Duration `yaml:"-"`
	// Kinds are the kinds of steps that this program can carry out: a run with another one is a newer version's, and is
	// left to it. nil leaves none.
	Kinds []string `yaml:"-"`
	// Known is the newest entry that was ever acknowledged, as far as somebody outside the database remembers.
	Known Tail `yaml:"-"`
	// Now replaces the clock in tests, also the database's clock for leases.
	Now func() time.Time `yaml:"-"`
	// Wall replaces this machine's wall clock in tests; nil is time.Now.
	Wall func() time.Time `yaml:"-"`

	emptyEvery time.Duration // of SQLite's write-ahead log; 0 means the usual time, tests take longer
}

// Validate returns what is wrong with the configuration; paths are relative to its section.
func (c Config) Validate() []pointsman.Fault {
	fault := func(path, text string) []pointsman.Fault { return []pointsman.Fault{{Path: path, Text: text}} }
	switch {
	case c.Driver != "" && c.Driver != "sqlite" && c.Driver != "postgres":
		return fault("driver", fmt.Sprintf("%q is neither sqlite nor postgres", c.Driver))
	case c.Driver == "postgres" && c.DSN == "" && c.DSNFile == "":
		return fault("dsn", "required with driver postgres; dsn_file names a file that holds it")
	case c.Driver == "postgres" && c.DSN != "" && c.DSNFile != "":
		return fault("dsn_file", "dsn is given as well; keep one of them")
	case c.Driver != "postgres" && c.Path == "":
		return fault("path", "required with driver sqlite")
	case c.Driver != "postgres" && (c.DSN != "" || c.DSNFile != ""):
		return fault("dsn", "needs driver: postgres")
	case c.Keep < 0 || c.Keep > 0 && c.Keep < leastKept:
		return fault("keep", fmt.Sprintf("%s is shorter than %s; 0s keeps everything", pointsman.Span(c.Keep), pointsman.Span(leastKept)))
	}
	return nil
}

// Store is the one place where state is kept. Its methods may be called from many goroutines.
type Store struct {
	db   *database
	log  *slog.Logger
	self string // this process among those that share a PostgreSQL

	worker employed

	deliveryLease time.Duration
	kinds         []string
	known         Tail         // guarded by mu
	torn          *CutError    // guarded by mu
	attendants    []*attendant // guarded by mu; a changed list is a new one

	mu      sync.Mutex
	changed chan struct{}
	handed  chan struct{}
	waking  bool // the loops are woken soon
	closed  bool
	stop    context.CancelFunc
	ended   sync.WaitGroup
}

// Open opens the database, brings its schema up to date and checks that the log's end is whole. It refuses a SQLite
// file that another process has open, a schema that is newer than this program, and a broken log.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (*Store, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if faults := cfg.Validate(); len(faults) > 0 {
		return nil, fmt.Errorf("storage: %w", faults[0])
	}
	open := openSQLite
	if cfg.Driver == "postgres" {
		open = openPostgres
	}
	db, err := open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, log: log, self: rand.Text(), changed: make(chan struct{}), handed: make(chan struct{}), deliveryLease: cmp.Or(cfg.DeliveryLease, defaultDeliveryLease), kinds: cfg.Kinds}
	err = db.migrate(ctx)
	if err == nil {
		err = s.inspect(ctx)
	}
	if err == nil {
		err = s.christen(ctx)
	}
	if err == nil {
		err = s.setClock(ctx, cfg.Now)
	}
	if err != nil {
		return nil, errors.Join(err, db.close())
	}
	if err := s.recall(ctx, cfg.Known); err != nil {
		return nil, errors.Join(err, db.close())
	}
	if db.fresh != nil {
		db.fresh(func(ctx context.Context, tx Tx) { _ = s.whole(ctx, tx) }) // what it finds it remembers
	}
	listening, stop := context.WithCancel(context.Background())
	s.stop = stop
	if db.teach != nil {
		s.ended.Go(func() { db.teach(listening) })
	}
	if db.listen != nil {
		s.ended.Go(func() { s.listen(listening) })
	}
	return s, nil
}

// Close ends the connections and frees the file lock. Calls under way are waited for.
func (s *Store) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if again {
		return nil
	}
	s.stop()
	s.ended.Wait()
	for _, c := range s.worker.dismiss() {
		ctx, cancel := context.WithTimeout(context.Background(), decideLimit)
		if err := s.Release(ctx, c.Run.ID, c.Epoch); err != nil {
			s.log.Warn("a run that nobody began waits for the end of its lease", "run", c.Run.ID, "err", err)
		}
		cancel()
	}
	return s.db.close()
}

// Ping reports whether the database answers and takes writes; for readiness.
func (s *Store) Ping(ctx context.Context) error {
	// A row that really changes: where none does, a full disk or a read-only file goes unnoticed.
	_, err := s.db.direct.Exec(ctx, `INSERT INTO counters (name, n) VALUES ('ping', 1) ON CONFLICT (name) DO UPDATE SET n = counters.n + 1`)
	if err != nil {
		return fmt.Errorf("%s takes no writes: %w", s.db.name, err)
	}
	if s.db.ailing != nil {
		return s.db.ailing()
	}
	return nil
}
