package alerts

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pointsman/pointsman"
)

// FuzzCommands feeds any bytes through decoding and sorting: nothing may panic, no alert may get lost, and every text
// that leaves must fit into a row.
func FuzzCommands(f *testing.F) {
	files, _ := filepath.Glob("testdata/alertmanager-*/*.json")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"alerts":[{"labels":{"alertname":"A","cluster":"\u0000<!channel>"},"startsAt":"9999-99-99"},null,5,"x"]}`))
	r, faults := NewRouter(Route{IncidentBy: []string{"region"}},
		[]Target{{Target: pointsman.Target{Kind: "postgres", Name: "orders"}, Match: []string{`cluster="orders"`}}},
		[]pointsman.Runbook{{
			Name: "failover", Target: "cluster", Params: []pointsman.Param{{Name: "cluster", Type: "target", Kind: "postgres"}},
			Answers: []pointsman.AnswerTo{{Matchers: []string{`alertname=~"PrimaryDown|A"`}}},
		}})
	if len(faults) > 0 {
		f.Fatal(faults)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, limit := range []int64{MaxBody, 200} {
			m, err := decode(bytes.NewReader(body), limit)
			if err != nil {
				continue
			}
			n := 0
			for _, c := range r.Commands(m) {
				n += len(c.Alerts)
				if len(c.Key) > 300 || !utf8.ValidString(c.Key+c.Title) || strings.ContainsAny(c.Key+c.Title+c.Severity, "\x00\n\r") {
					t.Errorf("key %q title %q", c.Key, c.Title)
				}
				for _, o := range c.Offers {
					if (o.Target.Key() == "") == (o.Problem == "") {
						t.Errorf("an offer must have either a target or a problem: %+v", o)
					}
				}
			}
			if n != len(m.Alerts) {
				t.Errorf("%d alerts in, %d out", len(m.Alerts), n)
			}
		}
	})
}
