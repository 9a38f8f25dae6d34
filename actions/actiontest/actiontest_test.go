package actiontest_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/actiontest"
)

// lamp is a kind that keeps every promise but the one that a test takes away.
type lamp struct {
	on    *bool
	lost  bool // nobody can see it
	fault string
}

func (lamp) Kind() string { return "lamp.light" }

func (l lamp) args(in actions.Input) error {
	var none struct{}
	return in.Args(&none)
}

func (l lamp) Describe(in actions.Input) (string, error) { return "light the lamp", l.args(in) }

func (l lamp) Check(_ context.Context, in actions.Input) (pointsman.Evidence, error) {
	f := pointsman.Fact{Kind: pointsman.Hard, Name: "lamp", Value: "seen", Limit: "seen", Source: "the lamp", At: time.Now(), Result: pointsman.Pass}
	if l.lost && !strings.HasSuffix(l.fault, "passes blindly") {
		f.Value, f.Result, f.Text, f.Clears = "unknown", pointsman.Unknown, "the lamp cannot be seen", "find it"
	}
	if l.fault == "goes on unhindered and says so" {
		f.Kind = ""
	}
	return pointsman.Evidence{Facts: []pointsman.Fact{f}, Already: *l.on || l.lost && l.fault == "already blindly"}, l.args(in)
}

func (l lamp) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	if err := l.args(in); err != nil {
		return actions.Outcome{}, actions.Refuse("%v", err)
	}
	if err := actions.InTime(ctx); err != nil || l.lost {
		return actions.Outcome{}, errors.Join(err, errors.New("not lit"))
	}
	if l.fault != "only looks" {
		*l.on = true
	}
	return actions.Outcome{Memo: json.RawMessage(`{"lit":true}`)}, nil
}

func (l lamp) Verify(_ context.Context, in actions.Input) (pointsman.Evidence, error) {
	holds := *l.on && !l.lost
	switch l.fault {
	case "holds always", "only looks":
		holds = true
	case "holds blindly":
		holds = holds || l.lost
	case "holds by its memo":
		holds = holds || len(in.Memo) > 0
	}
	if l.fault == "only looks" && l.lost {
		holds = false
	}
	return pointsman.Evidence{Holds: holds}, l.args(in)
}

// child makes this test's own program run the suite, which must fail there.
const child = "POINTSMAN_TEST_SUITE"

// TestSuite_sees_what_is_wrong: each fault of a kind, or of its suite, with the sentence that tells it.
func TestSuite_sees_what_is_wrong(t *testing.T) {
	t.Parallel()
	faults := map[string]string{
		"":                               "",
		"only looks":                     "",
		"goes on unhindered and says so": "",
		"holds always":                   "verify holds before apply, and check does not say already",
		"holds blindly":                  "verify holds with the memo \"\"; unknown is never success",
		"holds by its memo":              `verify holds with the memo "{\"lit\":true}"; unknown is never success`,
		"passes blindly":                 "the check passes; unknown is never success",
		"unhindered, passes blindly":     "the check passes and no fact says that it could not see",
		"says that it only looks":        "it only looks, and apply changed the world",
		"already blindly":                "the check says already; unknown is never success",
		"no world":                       "the suite needs World, or NoWorld with the reason",
		"no failing":                     "the suite needs Failing, or NoFailing with the reason",
	}
	if fault, asked := os.LookupEnv(child); asked {
		suite(t, fault)
		return
	}
	for fault, want := range faults {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSuite_sees_what_is_wrong$")
			cmd.Env = append(os.Environ(), child+"="+fault)
			said, err := cmd.CombinedOutput()
			if (err == nil) != (want == "") || !strings.Contains(string(said), want) {
				t.Errorf("error %v, want %q in\n%s", err, want, said)
			}
		})
	}
}

func suite(t *testing.T, fault string) {
	t.Helper()
	on := false
	s := actiontest.Suite{
		Action: lamp{on: &on, fault: fault}, In: actions.Input{With: json.RawMessage("{}")}, OnlyLooks: strings.HasSuffix(fault, "only looks"), Patience: time.Second,
		World: func(context.Context) (string, error) {
			if on {
				return "light", nil
			}
			return "dark", nil
		},
		Failing: []actions.Action{lamp{on: new(bool), lost: true, fault: fault}},
	}
	switch fault {
	case "no world":
		s.World = nil
	case "no failing":
		s.Failing = nil
	case "goes on unhindered and says so", "unhindered, passes blindly":
		s.Unhindered = "whoever wants light is not kept from it"
	}
	actiontest.Run(t, s)
}
