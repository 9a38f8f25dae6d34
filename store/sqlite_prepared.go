package store

import (
	"context"
	"database/sql"
	"sync"
)

// prepared keeps the statements of one SQLite pool compiled: compiling a short statement takes longer than carrying it
// out. The driver compiles anew after a change of the schema by itself.
type prepared struct {
	db *sql.DB

	mu     sync.Mutex
	known  map[string]*sql.Stmt
	wanted []string // seen in a transaction, which cannot compile for the time after it
}

// preparedMost bounds them: statements whose number of parameters varies come without end.
const preparedMost = 256

func newPrepared(db *sql.DB) *prepared { return &prepared{db: db, known: map[string]*sql.Stmt{}} }

// begin starts a transaction, and compiles before what earlier ones had to do without.
func (p *prepared) begin(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error) {
	p.mu.Lock()
	wanted := p.wanted
	p.wanted = nil
	p.mu.Unlock()
	for _, query := range wanted {
		p.learn(ctx, query)
	}
	return p.db.BeginTx(ctx, opts)
}

func (p *prepared) find(query string) (stmt *sql.Stmt, room bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known[query], len(p.known) < preparedMost
}

// learn returns the compiled statement, or nil where it cannot be kept: then it is carried out as it stands, which also
// tells what is wrong with it.
func (p *prepared) learn(ctx context.Context, query string) *sql.Stmt {
	stmt, room := p.find(query)
	if stmt != nil || !room {
		return stmt
	}
	stmt, err := p.db.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.known[query]; first != nil {
		_ = stmt.Close() // another one was as quick
		return first
	}
	p.known[query] = stmt
	return stmt
}

// ExecContext is that of sql.DB.
func (p *prepared) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if stmt := p.learn(ctx, query); stmt != nil {
		return stmt.ExecContext(ctx, args...)
	}
	return p.db.ExecContext(ctx, query, args...)
}

// QueryContext is that of sql.DB.
func (p *prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt := p.learn(ctx, query); stmt != nil {
		return stmt.QueryContext(ctx, args...)
	}
	return p.db.QueryContext(ctx, query, args...)
}

// QueryRowContext is that of sql.DB.
func (p *prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if stmt := p.learn(ctx, query); stmt != nil {
		return stmt.QueryRowContext(ctx, args...)
	}
	return p.db.QueryRowContext(ctx, query, args...)
}

// preparedTx is a transaction that uses the compiled statements of its pool.
type preparedTx struct {
	tx *sql.Tx
	in *prepared
}

func (t preparedTx) stmt(ctx context.Context, query string) *sql.Stmt {
	stmt, room := t.in.find(query)
	if stmt != nil {
		return t.tx.StmtContext(ctx, stmt)
	}
	if room {
		t.in.mu.Lock()
		t.in.wanted = append(t.in.wanted, query)
		t.in.mu.Unlock()
	}
	return nil
}

// ExecContext is that of sql.Tx.
func (t preparedTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if stmt := t.stmt(ctx, query); stmt != nil {
		return stmt.ExecContext(ctx, args...)
	}
	return t.tx.ExecContext(ctx, query, args...)
}

// QueryContext is that of sql.Tx.
func (t preparedTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt := t.stmt(ctx, query); stmt != nil {
		return stmt.QueryContext(ctx, args...)
	}
	return t.tx.QueryContext(ctx, query, args...)
}

// QueryRowContext is that of sql.Tx.
func (t preparedTx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if stmt := t.stmt(ctx, query); stmt != nil {
		return stmt.QueryRowContext(ctx, args...)
	}
	return t.tx.QueryRowContext(ctx, query, args...)
}
