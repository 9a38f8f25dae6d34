package endpoint_test

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/endpoint"
)

// A file that was moved with the last release of the application is found before the night that needs it.
func TestExamine(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	here := l.Addr().String()
	for name, c := range map[string]struct {
		text   string
		change func(*endpoint.Target)
		want   []string
	}{
		"all is well":              {text: "DATABASE_URL=postgres://app:" + secret + "@" + here + "/app\n"},
		"a variable that is gone":  {text: "DATABASE=x\n", want: []string{"HARD endpoint/api file: ", ".env: it has no line DATABASE_URL="}},
		"a variable twice":         {text: "DATABASE_URL=" + here + "\nDATABASE_URL=" + here + "\n", want: []string{"it has 2 lines DATABASE_URL="}},
		"a place of somebody else": {text: "DATABASE_URL=postgres://app:" + secret + "@elsewhere:1/app\n", want: []string{"WARN endpoint/api leads: DATABASE_URL leads to a place that is not configured"}},
		"a file that is gone":      {text: "", change: func(t *endpoint.Target) { t.File += ".old" }, want: []string{"HARD endpoint/api file: open ", "no such file or directory"}},
		"a place that does not answer": {text: "DATABASE_URL=" + here + "\n", change: func(t *endpoint.Target) { t.Places[1].Address = "127.0.0.1:1" }, want: []string{
			"WARN endpoint/api place pg-2: 127.0.0.1:1 does not answer",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, file := inFile(t, c.text)
			target.Places = []endpoint.Place{{Name: "pg-1", Address: here}, {Name: "pg-2", Address: here}}
			if c.change != nil {
				c.change(&target)
			}
			var got []string
			for _, f := range (endpoint.Config{target}).Examine(t.Context()) {
				if f.Result != pointsman.Pass {
					got = append(got, string(f.Kind)+" "+f.Name+": "+f.Text)
				}
			}
			all := strings.Join(got, "\n")
			for _, want := range c.want {
				if !strings.Contains(all, want) {
					t.Errorf("%q is not said in %q", want, all)
				}
			}
			if len(c.want) == 0 && all != "" || strings.Contains(all, secret) {
				t.Errorf("said: %q", all)
			}
			if text, err := os.ReadFile(file); err != nil || string(text) != c.text {
				t.Errorf("the file holds %q, error %v: a look changes nothing", text, err)
			}
		})
	}
}
