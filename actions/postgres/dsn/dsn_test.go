package dsn_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pointsman/pointsman/actions/postgres/dsn"
)

// Addresses are split, compared and resolved wherever they come to, so they have one form, also by IPv6.
func TestHostsAreDistinctAndCanBeSplit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"postgres://p@pg-1/app":                            {"pg-1:5432"},
		"postgres://p@pg-1:5433,pg-2/app":                  {"pg-1:5433", "pg-2:5432"},
		"postgres://p@mypg:5432,pg:5432/app":               {"mypg:5432", "pg:5432"},
		"postgres://p@pg-1,pg-2/app?sslmode=prefer":        {"pg-1:5432", "pg-2:5432"},
		"postgres://p@[2001:db8::1]:5432/app":              {"[2001:db8::1]:5432"},
		"host=2001:db8::1,::1 port=5433 user=p dbname=app": {"[2001:db8::1]:5433", "[::1]:5433"},
	} {
		cfg, err := dsn.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := dsn.Hosts(cfg); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// A file that holds something else is named; what it holds is not, for it may be a password.
func TestAFileThatHoldsNoConnectionStringIsNamed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(file, []byte("postgres://p:s3cret@pg-1:port/app\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := dsn.Read("", file)
	if err == nil || !strings.HasPrefix(err.Error(), file+": the connection string cannot be read") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v", err)
	}
}
