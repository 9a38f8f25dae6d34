package store_test

import (
	"path/filepath"
	"testing"

	"github.com/pointsman/pointsman/cmd/lab"
	"github.com/pointsman/pointsman/store"
	"github.com/pointsman/pointsman/store/storetest"
)

func onSQLite(tb testing.TB) store.Config {
	return store.Config{Driver: "sqlite", Path: filepath.Join(tb.TempDir(), "pointsman.db")}
}

func onPostgres(tb testing.TB) store.Config {
	return store.Config{Driver: "postgres", DSN: lab.PostgresDSN(tb)}
}

func TestStore_on_SQLite(t *testing.T)     { storetest.Run(t, onSQLite) }
func TestStore_on_PostgreSQL(t *testing.T) { storetest.Run(t, onPostgres) }

func BenchmarkDo(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { storetest.BenchmarkDo(b, onSQLite) })
	b.Run("postgres", func(b *testing.B) { storetest.BenchmarkDo(b, onPostgres) })
}

func BenchmarkOpenIncidents(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { storetest.BenchmarkOpenIncidents(b, onSQLite) })
	b.Run("postgres", func(b *testing.B) { storetest.BenchmarkOpenIncidents(b, onPostgres) })
}
