package configs

import (
	"fmt"
	"slices"

	"github.com/pointsman/pointsman/alerts"
)

// unreached warns of routes to which no alert comes, because an earlier one beside them takes it first. Only what is
// certain is said: an earlier route whose matchers are all among its own.
func (c *checker) unreached(r alerts.Route, path string) {
	for i, late := range r.Routes {
		at := fmt.Sprintf("%s.routes[%d]", path, i)
		for n, early := range r.Routes[:i] {
			taken := !slices.ContainsFunc(early.Matchers, func(m string) bool { return !slices.Contains(late.Matchers, m) })
			if taken && !early.Continue {
				c.warn(at, "no alert comes here, because %s.routes[%d] takes all of them first; put it above, or write continue: true there", path, n)
				break
			}
		}
		c.unreached(late, at)
	}
}
