package endpoint_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/actiontest"
	"github.com/pointsman/pointsman/actions/endpoint"
)

const (
	there  = `{"endpoint":"api","from":"pg-1","to":"pg-2"}`
	secret = "s3cret-of-the-api"
	before = "# the shop\nDATABASE_URL=\"postgres://app:" + secret + "@db-1.internal:5432/app?sslmode=require\"\nREADER=db-1.internal:5432\n"
)

func input(with string) actions.Input { return actions.Input{With: json.RawMessage(with)} }

func inFile(t *testing.T, text string) (endpoint.Target, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return endpoint.Target{Name: "api", File: path, Variable: "DATABASE_URL", Places: places()}, path
}

func places() []endpoint.Place {
	return []endpoint.Place{{Name: "pg-1", Address: "db-1.internal:5432"}, {Name: "pg-2", Address: "db-2.internal:5433"}}
}

// byCommand keeps the address in a file that two small programs know.
func byCommand(t *testing.T) (endpoint.Target, string) {
	t.Helper()
	folder := t.TempDir()
	state := filepath.Join(folder, "address")
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("address", "db-1.internal:5432\n")
	set := write("set", "#!/bin/sh\n[ \"$(cat "+state+")\" = \"$1\" ] || { echo moved >&2; exit 3; }\necho \"$2\" >"+state+"\n")
	return endpoint.Target{Name: "api", Show: []string{"cat", state}, Set: []string{set, "{old}", "{new}"}, Places: places()}, state
}

func kind(t *testing.T, target endpoint.Target) actions.Action {
	t.Helper()
	if faults := (endpoint.Config{target}).Validate(); len(faults) > 0 {
		t.Fatal(faults)
	}
	return endpoint.Kinds(endpoint.Config{target})[0]
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	if text, err := os.ReadFile(path); err != nil || string(text) != want {
		t.Errorf("the file holds %q, error %v; want %q", text, err, want)
	}
}

func TestSwitch(t *testing.T) {
	t.Parallel()

	t.Run("only_host_and_port_of_the_variable_change_and_back", func(t *testing.T) {
		t.Parallel()
		target, path := inFile(t, before)
		k := kind(t, target)
		out, err := k.Apply(t.Context(), input(there))
		if want := "api leads to pg-2 (db-2.internal:5433, before db-1.internal:5432)"; err != nil || out.Note != want {
			t.Errorf("note %q, error %v; want %q", out.Note, err, want)
		}
		holds(t, path, strings.Replace(before, "@db-1.internal:5432", "@db-2.internal:5433", 1))
		if ev, err := k.Verify(t.Context(), input(there)); err != nil || !ev.Holds {
			t.Errorf("facts %+v, error %v", ev.Facts, err)
		}
		if ev, err := k.Check(t.Context(), input(there)); err != nil || !ev.Already {
			t.Errorf("already %t, error %v", ev.Already, err)
		}
		if _, err := k.(actions.Undoer).Undo(t.Context(), input(there)); err != nil {
			t.Fatal(err)
		}
		holds(t, path, before)
	})

	for reason, tc := range map[string]struct{ text, with, want string }{
		"somebody_elses_change_is_not_overwritten": {strings.Replace(before, "@db-1", "@db-9", 1), there, "api leads to a place that is not configured, the plan expects pg-1: somebody changed it meanwhile"},
		"two_lines_are_not_guessed":                {before + before, there, "it has 2 lines DATABASE_URL="},
		"no_line":                                  {"A=1\n", there, "it has no line DATABASE_URL="},
		"place_that_is_not_configured":             {before, `{"endpoint":"api","from":"pg-1","to":"pg-3"}`, `endpoint api has no place "pg-3"; it has pg-1, pg-2`},
		"endpoint_that_is_not_configured":          {before, `{"endpoint":"web","from":"pg-1","to":"pg-2"}`, `no endpoint "web" is configured; there are api`},
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			target, path := inFile(t, tc.text)
			_, err := kind(t, target).Apply(t.Context(), input(tc.with))
			if refused, ok := errors.AsType[*actions.RefusedError](err); !ok || !strings.Contains(refused.Error(), tc.want) {
				t.Errorf("error %v, want a refusal with %q", err, tc.want)
			}
			holds(t, path, tc.text)
		})
	}

	t.Run("command_that_fails_leaves_its_outcome_to_be_looked_at", func(t *testing.T) {
		t.Parallel()
		target, path := byCommand(t)
		target.Set = []string{"sh", "-c", "echo no route >&2; exit 7", "{new}"}
		k := kind(t, target)
		_, err := k.Apply(t.Context(), input(there))
		if err == nil || !strings.Contains(err.Error(), "sh ended with exit code 7: no route") {
			t.Errorf("error %v", err)
		}
		if _, refused := errors.AsType[*actions.RefusedError](err); refused {
			t.Error("it is told as if nothing could have happened")
		}
		if ev, err := k.Verify(t.Context(), input(there)); err != nil || ev.Holds {
			t.Errorf("facts %+v, error %v", ev.Facts, err)
		}
		holds(t, path, "db-1.internal:5432\n")
	})
}

func TestConfig(t *testing.T) {
	t.Parallel()
	var got []string
	for _, f := range (endpoint.Config{
		{Name: "a", File: "env", Variable: "X", Places: places()},
		{Name: "a", File: "/env", Variable: "X=1", Show: nil, Places: places()[:1]},
		{Name: "c", Show: []string{"show"}, Set: []string{"set", "{old}"}, Places: []endpoint.Place{{Name: "x", Address: ""}, {Name: "y", Address: "a b"}}},
		{Name: "d", File: "/env", Variable: "X", Show: []string{"show"}, Places: places()},
	}).Validate() {
		got = append(got, f.Error())
	}
	want := `[0].file: the absolute path of the environment file is needed, such as /srv/api/.env
[1].name: an endpoint needs a name of its own
[1].variable: "X=1" is no name of a variable, such as DATABASE_URL
[1].places: at least 2 places are needed, there is nothing to switch between
[2].set: no argument has {new}: it would set the same address always
[2].places[0].address: "" is not like db-1.internal:5432
[2].places[1].address: "a b" is not like db-1.internal:5432
[3]: set file and variable, or show and set, and not both`
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("faults\n%s", text)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(*testing.T) (endpoint.Target, string){
		"file":    func(t *testing.T) (endpoint.Target, string) { return inFile(t, before) },
		"command": byCommand,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, path := make(t)
			broken := target
			broken.File, broken.Variable, broken.Set = "", "", []string{"/nowhere/set", "{new}"}
			broken.Show = []string{"/nowhere/show"}
			actiontest.Run(t, actiontest.Suite{
				Action: kind(t, target), In: input(there), Secrets: []string{secret}, Failing: []actions.Action{kind(t, broken)},
				World: func(context.Context) (string, error) {
					text, err := os.ReadFile(path)
					return string(text), err
				},
			})
		})
	}
}
