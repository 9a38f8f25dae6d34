package configs_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A route without matchers, or with fewer of the same, takes what was meant for those below it; that would be found out
// when nobody is paged.
func TestRoutesToWhichNoAlertComesAreWarnedOf(t *testing.T) {
	t.Parallel()
	_, warnings, err := load(t, small+`
route:
  routes:
    - {matchers: ['team="dba"'], continue: true}
    - matchers: ['team="dba"']
    - matchers: ['team="dba"', 'severity="page"']
    - matchers: ['team="web"']
      routes:
        - matchers: []
        - matchers: ['severity="page"']
    - matchers: ['severity="page"']
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range warnings {
		if strings.HasPrefix(w.Path, "route.") {
			got = append(got, w.Path+": "+w.Text)
		}
	}
	slices.Sort(got)
	want := []string{
		"route.routes[2]: no alert comes here, because route.routes[1] takes all of them first; put it above, or write continue: true there",
		"route.routes[3].routes[1]: no alert comes here, because route.routes[3].routes[0] takes all of them first; put it above, or write continue: true there",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
