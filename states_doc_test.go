package pointsman

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files and generated pages")

const statesPage = "docs/states.md"

// TestStatesPageIsTheTables fails when docs/states.md is not what the transition tables say today.
func TestStatesPageIsTheTables(t *testing.T) {
	t.Parallel()
	want := statesDoc(t)
	if *update {
		if err := os.WriteFile(statesPage, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(statesPage)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is stale; run make golden and review the difference", statesPage)
	}
}

// statesDoc writes the page. States and events appear in the order in which the source declares them, and a state's
// meaning is its comment there, so there is one place to keep right.
func statesDoc(t *testing.T) []byte {
	t.Helper()
	src := declared(t, "incident.go", "proposal.go", "run.go", "event.go")
	var b bytes.Buffer
	b.WriteString(`# States

Written by ` + "`states_doc_test.go`" + ` from the transition tables in ` + "`states.go`" + `; ` + "`make golden`" + ` rewrites it. A pair of state and event
that is not here is impossible: the reducer answers with a conflict and changes nothing, and the SQL behind it writes
only where the row is still what was loaded.
`)
	writeMachine(&b, src, "Incident", "IncidentState", incidentTable)
	writeMachine(&b, src, "Proposal", "ProposalState", proposalTable)
	writeMachine(&b, src, "Run", "RunState", runTable)
	writeMachine(&b, src, "Step", "StepState", stepTable)
	b.WriteString(`
One change is not an event of the step: a person's ` + "`retry` or `accept`" + ` (` + "`restart` in `decide.go`" + `) puts the step of a parked run back to
` + "`pending`" + `, so that it begins anew as its own recorded attempt. The decision itself is the event ` + "`run.waiting`" + `.
`)
	return b.Bytes()
}

// constant is one declared state or event.
type constant struct{ value, meaning string }

// declared lists the string constants of the files by type, in order.
func declared(t *testing.T, files ...string) map[string][]constant {
	t.Helper()
	out := map[string][]constant{}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.CONST {
				continue
			}
			for _, spec := range gen.Specs {
				if typ, c, ok := stringConstant(spec); ok {
					out[typ] = append(out[typ], c)
				}
			}
		}
	}
	return out
}

func stringConstant(spec ast.Spec) (typ string, c constant, ok bool) {
	v, isValue := spec.(*ast.ValueSpec)
	if !isValue || len(v.Values) != 1 {
		return "", constant{}, false
	}
	id, isNamed := v.Type.(*ast.Ident)
	lit, isText := v.Values[0].(*ast.BasicLit)
	if !isNamed || !isText || lit.Kind != token.STRING {
		return "", constant{}, false
	}
	value, err := strconv.Unquote(lit.Value)
	if err != nil {
		return "", constant{}, false
	}
	doc := strings.Join(strings.Fields(v.Doc.Text()), " ")
	doc = strings.TrimPrefix(strings.TrimPrefix(doc, v.Names[0].Name), ":")
	doc = strings.TrimSuffix(strings.TrimSpace(doc), ".")
	doc = strings.TrimSuffix(strings.TrimSuffix(doc, "; terminal"), "; final") // the last column says it
	return id.Name, constant{value, doc}, true
}

func writeMachine[S ~string](b *bytes.Buffer, src map[string][]constant, title, typ string, table map[S]map[EventType]S) {
	fmt.Fprintf(b, "\n## %s\n\n```mermaid\nstateDiagram-v2\n", title)
	states := src[typ]
	if _, begins := table[""]; begins {
		states = append([]constant{{}}, states...)
	} else {
		fmt.Fprintf(b, "    [*] --> %s\n", states[0].value)
	}
	for _, from := range states {
		for _, to := range states {
			var labels []string
			for _, ev := range src["EventType"] {
				if next, ok := table[S(from.value)][EventType(ev.value)]; ok && string(next) == to.value {
					labels = append(labels, ev.value)
				}
			}
			if len(labels) > 0 {
				fmt.Fprintf(b, "    %s --> %s: %s\n", stateNode(from.value), stateNode(to.value), strings.Join(labels, ", "))
			}
		}
		if row, ok := table[S(from.value)]; ok && len(row) == 0 {
			fmt.Fprintf(b, "    %s --> [*]\n", from.value)
		}
	}
	b.WriteString("```\n\n| State | Meaning | Leaves by |\n|---|---|---|\n")
	for _, s := range states {
		if s.value != "" {
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", s.value, s.meaning, exits(table[S(s.value)], src["EventType"]))
		}
	}
}

func stateNode(state string) string {
	if state == "" {
		return "[*]"
	}
	return state
}

func exits[S ~string](row map[EventType]S, events []constant) string {
	var out []string
	for _, ev := range events {
		if to, ok := row[EventType(ev.value)]; ok {
			out = append(out, fmt.Sprintf("`%s` to %s", ev.value, to))
		}
	}
	if len(out) == 0 {
		return "nothing, it is final"
	}
	return strings.Join(out, "; ")
}
