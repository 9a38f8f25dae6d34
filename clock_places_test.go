package pointsman

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ownClock are the places that may ask this process's own clock, and why. Everything that is stored, or compared with
// something stored, goes by the store's clock (Store.Now), or two replicas would not agree on when an approval ends.
var ownClock = map[string]string{
	// The one clock itself, and what it falls back to where nobody brings it: in tests and dry runs.
	"store/clock.go":               "the store's clock is made of it",
	"actions/clock.go":             "default, and the ages of facts by the monotonic clock",
	"alerts/handler.go":            "default",
	"bot/bot.go":                   "default",
	"comms/clock.go":               "default",
	"comms/dispatcher.go":          "default, and the end of leases as this process counts them",
	"comms/pagerduty/pagerduty.go": "default, and Retry-After of an answer, which is a date",
	"cmd/app/offline.go":           "a dry run has no store",

	// Durations within one process, by the monotonic clock.
	"actions/driven.go":        "since this process renewed a lease",
	"actions/engine.go":        "since this process claimed",
	"actions/in_time.go":       "the deadline of a context of this process",
	"actions/leave.go":         "how long this process leaves a proposal that is another version's",
	"actions/observed.go":      "how long a verb took",
	"actions/actiontest/":      "deadlines of tests",
	"bot/handler.go":           "how long a request took",
	"bot/metrics.go":           "how long a request took",
	"bot/socket.go":            "how long a connection lasted",
	"bot/pace.go":              "when Slack may be asked again",
	"bot/refusals.go":          "how long signatures are remembered",
	"bot/fakeslack/":           "a server for tests and the demo",
	"comms/attempt.go":         "how long an attempt took",
	"comms/attend.go":          "the end of leases as this process counts them",
	"comms/follow.go":          "the end of leases as this process counts them",
	"comms/hold.go":            "the end of leases as this process counts them",
	"comms/commstest/":         "an outbox for tests",
	"store/employ.go":          "since the worker asked, and since a run was leased to it",
	"store/in_time.go":         "the deadline of a context of this process",
	"store/lock_unix.go":       "how long a file lock is waited for",
	"store/postgres_answer.go": "how long an answer may take",
	"store/storetest/":         "deadlines of tests",
	"cmd/app/body.go":          "how long a body may take",
	"cmd/app/standstill.go":    "whether this process stood still, by the wall",
	"cmd/demo/":                "a show",
	"cmd/lab/":                 "servers for tests",

	// Readings of the kinds. The registry brings the facts to the store's clock, by their monotonic age.
	"actions/endpoint/":   "readings",
	"actions/killswitch/": "readings; the age of a switch is monotonic",
	"actions/patroni/":    "readings; a heartbeat row whose time nobody reads",
	"actions/postgres/":   "readings; what is shared or kept goes by Clusters.Clock",
	"actions/service/":    "readings",

	// What is shown at once, by a process that has no store.
	"bot/examine.go":             "doctor",
	"store/examine.go":           "doctor compares the clocks",
	"store/examine_end.go":       "doctor",
	"cmd/app/doctor.go":          "doctor",
	"cmd/app/doctor_web.go":      "doctor",
	"comms/pagerduty/examine.go": "doctor",
	"cmd/app/self.go":            "doctor",
	"cmd/pointsman/":             "ages on the screen of a person; the server decides by its own clock",
	"configs/approvals.go":       "a runbook's review date",
}

func TestOneClock(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name() == "testdata" {
			if err == nil {
				err = filepath.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || !asksTheClock(t, path) {
			return nil
		}
		place := filepath.ToSlash(path)
		for place != "" && ownClock[place] == "" {
			place = place[:max(strings.LastIndex(strings.TrimSuffix(place, "/"), "/")+1, 0)]
		}
		if place == "" {
			t.Errorf("%s asks time.Now, Since or Until; use the store's clock, or say in this test why not", path)
		}
		used[place] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for place := range ownClock {
		if !used[place] {
			t.Errorf("%s does not ask the clock any more; take it off the list", place)
		}
	}
}

// asksTheClock finds time.Now, time.Since and time.Until, called or handed on.
func asksTheClock(t *testing.T, path string) (found bool) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if from, ok := s.X.(*ast.Ident); ok && from.Name == "time" && slices.Contains([]string{"Now", "Since", "Until"}, s.Sel.Name) {
				found = true
			}
		}
		return true
	})
	return found
}
