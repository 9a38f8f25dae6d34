package ini_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pointsman/pointsman/actions/postgres/ini"
)

const file = `;; the pooler of the shop
%include /etc/pgbouncer/users.ini
[databases]
; app = host=10.0.0.9 port=1
app = host=10.0.0.1 port=5432 dbname=app password='it''s host=x' pool_size=5
"reports" = dbname=app host = '10.0.0.1'
local = dbname=app
twice = host=a port=1
twice = host=b port=2
open = host='10.0.0.1 port=1

[pgbouncer]
app = host=1.1.1.1
listen_port = 6432
`

func TestFind(t *testing.T) {
	t.Parallel()
	for database, want := range map[string]string{"app": "10.0.0.1:5432", "reports": "10.0.0.1:5432", "local": ":5432"} {
		if got, err := ini.Find(file, database); err != nil || got.String() != want {
			t.Errorf("%s: %s, error %v; want %s", database, got, err, want)
		}
	}
	for database, want := range map[string]string{
		"none": "there is no entry none in [databases]; included files are not searched", "twice": "stands 2 times", "open": "a quote is not closed",
	} {
		if _, err := ini.Find(file, database); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", database, err, want)
		}
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	t.Run("only_host_and_port_change", func(t *testing.T) {
		t.Parallel()
		got, err := ini.Set(file, "app", ini.Place{Host: "10.0.0.2", Port: "5433"})
		want := strings.Replace(file, "app = host=10.0.0.1 port=5432 dbname", "app = host=10.0.0.2 port=5433 dbname", 1)
		if err != nil || got != want {
			t.Errorf("error %v, text:\n%s", err, got)
		}
	})
	t.Run("port_that_was_left_out_is_added", func(t *testing.T) {
		t.Parallel()
		got, err := ini.Set(file, "reports", ini.Place{Host: "10.0.0.2", Port: "5433"})
		if err != nil || !strings.Contains(got, "\"reports\" = dbname=app host = 10.0.0.2 port=5433\n") {
			t.Errorf("error %v, text:\n%s", err, got)
		}
	})
	t.Run("never_to_an_empty_place", func(t *testing.T) {
		t.Parallel()
		for _, p := range []ini.Place{{}, {Host: "10.0.0.2"}, {Port: "1"}, {Host: "a b", Port: "1"}, {Host: "a\nb", Port: "1"}, {Host: "a';", Port: "1"}} {
			if _, err := ini.Set(file, "app", p); err == nil {
				t.Errorf("%q was taken", p)
			}
		}
		if _, err := ini.Set(file, "local", ini.Place{Host: "a", Port: "1"}); err == nil || !strings.Contains(err.Error(), "socket") {
			t.Errorf("error %v, want one about the socket", err)
		}
	})
	t.Run("back_again_gives_the_same_bytes", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			to := ini.Place{Host: rapid.StringMatching(`[a-z0-9.-]{1,20}`).Draw(t, "host"), Port: rapid.StringMatching(`[0-9]{1,5}`).Draw(t, "port")}
			there, err := ini.Set(file, "app", to)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := ini.Find(there, "app"); err != nil || got != to {
				t.Fatalf("found %s, error %v; want %s", got, err, to)
			}
			if back, err := ini.Set(there, "app", ini.Place{Host: "10.0.0.1", Port: "5432"}); err != nil || back != file {
				t.Fatalf("error %v, text:\n%s", err, back)
			}
		})
	})
}
