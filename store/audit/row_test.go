package audit

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
)

func TestParseRow_has_one_spelling(t *testing.T) {
	t.Parallel()
	e := Seal(Head{}, []byte(`{"a":"<ü> \u2028 `+"\u2028 \x01"+`"}`))
	whole, err := appendRow(nil, row{Entry: e})
	if err != nil {
		t.Fatal(err)
	}
	part, err := appendRow(nil, row{Entry: e, proof: tlog.RecordProof{e.Hash}})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range [][]byte{whole, part} {
		got, err := parseRow(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, got.Entry); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	one := strings.TrimSuffix(string(whole), "\n")
	for _, tc := range []struct{ name, line, want string }{
		{"second body", strings.Replace(one, `"}"}`, `"}","body":"x"}`, 1), `the field "body" appears twice`},
		{"unknown field", strings.Replace(one, `{"seq"`, `{"note":"","seq"`, 1), `unknown field "note"`},
		{"other letter case", strings.Replace(one, `"body"`, `"Body"`, 1), `unknown field "Body"`},
		{"invalid UTF-8", strings.Replace(one, "<", "\xff", 1), "not valid UTF-8"},
		{"half a surrogate pair", strings.Replace(one, "<", `\ud800`, 1), "not spelled"},
		{"escape of another kind", strings.Replace(one, "<", `\u003c`, 1), "not spelled"},
		{"spaces", strings.Replace(one, `,`, `, `, 1), "not spelled"},
		{"order of fields", `{"prev":"","seq":1}`, "not spelled"},
		{"leading zero", strings.Replace(one, `:1,`, `:01,`, 1), "not JSON"},
		{"seq 0", strings.Replace(one, `:1,`, `:0,`, 1), "not spelled"},
		{"seq too large", strings.Replace(one, `:1,`, `:18446744073709551615,`, 1), "not spelled"},
		{"no seq", strings.Replace(one, `:1,`, `:,`, 1), "not JSON"},
		{"short hash", strings.Replace(one, `AAAA=`, `AA==`, 1), "not spelled"},
		{"hash with spare bits", strings.Replace(one, `AAA=`, `AAB=`, 1), "not spelled"},
		{"something behind", one + "{}", "not JSON"},
		{"a list", "[1]", "not a JSON object"},
		{"nothing", "", "not JSON"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, err := parseRow([]byte(tc.line)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

func TestVerifyLines_bounds_memory(t *testing.T) {
	t.Parallel()
	endless := strings.NewReader(`{"seq":1,"prev":"` + strings.Repeat("A", maxRow))
	if rep, err := VerifyLines(endless, Trust{}); err == nil || rep.ExitCode() != 2 {
		t.Errorf("a line over the limit: %v %+v", err, rep)
	}
	if _, err := appendRow(nil, row{Entry: Entry{Body: make([]byte, maxRow)}}); err == nil {
		t.Error("what the verifier would not read must not be exported")
	}
}
