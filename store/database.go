package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// database is all that differs between SQLite and PostgreSQL.
type database struct {
	name   string // for people
	begin  func(ctx context.Context) (transaction, error)
	view   func(ctx context.Context) (transaction, error) // reads of one moment
	glance func(ctx context.Context, b batch) error       // the same where no read depends on another's result
	direct Tx                                             // one statement, one transaction
	reads  Tx                                             // reads that need no common moment
	// leases takes writes that need not outlive this process where no other one can be.
	leases interface {
		Exec(ctx context.Context, sql string, args ...any) (int64, error)
		QueryRow(ctx context.Context, sql string, args ...any) Row
	}
	now func() time.Time
	// lease is the clock of leases: the database's own on PostgreSQL, because it fences replicas off from each other.
	lease func(ctx context.Context) (time.Time, error)
	// leaseSQL asks that clock within a transaction, in microseconds; "" where it is now.
	leaseSQL string
	clock    *clock // behind now, unless a test brings its own
	// listen calls heard whenever another process has changed something, with the end of the log then, until it loses the connection; nil on SQLite,
	// where there is no other process.
	listen func(ctx context.Context, self string, heard func(Tail)) error
	// fresh has someone told of each new connection to PostgreSQL: the server behind it may be another one than before.
	fresh  func(tell func(ctx context.Context, tx Tx))
	ailing func() error              // what is known to be damaged although a write succeeds; nil on SQLite, which refuses all of it then
	teach  func(ctx context.Context) // has idle connections prepare what was used on others; nil on SQLite
	close  func() error

	forUpdate  string // " FOR UPDATE" where rows are locked one by one
	forShare   string // " FOR SHARE": many may hold the row, and nobody may change it meanwhile
	skipLocked string
	recovering string // the expression that is true on a standby
	notify     string // the statement that tells other processes; $1 is this process and the end of the log
	// The statements between these two are not carried out by plans that were made before; empty where none are kept.
	planAnew, planAsEver string
	alone                bool // no other process can use the database

	unique    func(error) bool // a unique index refused it
	transient func(error) bool // the same transaction may succeed when it is made again

	dialect  goose.Dialect
	triggers []string
	schema   func() (db *sql.DB, done func()) // for migrations
}

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. A newer schema is refused: an older program would misread it.
func (d *database) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	db, done := d.schema()
	defer done()
	options := []goose.ProviderOption{
		goose.WithGoMigrations(guardLog(d.triggers)), goose.WithDisableGlobalRegistry(true), goose.WithTableName("schema_version"),
	}
	if !d.alone { // replicas start together; the first one migrates
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60))
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(d.dialect, db, files, options...)
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	has, knows, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	if has > knows {
		return fmt.Errorf("the database has schema %d, this pointsman knows up to %d: start the newer pointsman, or restore the backup from before the upgrade", has, knows)
	}
	if has == knows {
		return nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	return nil
}
