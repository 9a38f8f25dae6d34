package postgres

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres/ini"
	"github.com/pointsman/pointsman/actions/swap"
)

// leftBehind finds poolers that would still lead to another node after the promotion, because no step of the plan leads
// them to the new primary: clients would wait before a dead server, and the run would park here, after the point of no
// return. A step that is none of PostgreSQL's, such as a command or a person's, may do it; then nothing is said.
func (c Cluster) leftBehind(candidate string, promised []actions.Promise) []pointsman.Fact {
	if slices.ContainsFunc(promised, func(p actions.Promise) bool { return !strings.HasPrefix(p.Kind, "postgres.") }) {
		return nil
	}
	n, _ := c.node(candidate)
	to, err := n.place()
	if err != nil {
		return nil // it is not told where the candidate is, so nothing can be compared
	}
	var out []pointsman.Fact
	for _, p := range c.Poolers {
		f := pointsman.Fact{
			Guard: "G18", Kind: pointsman.Hard, Name: "pooler " + p.Name + " after the promotion", Limit: "leads to " + candidate, Source: p.Ini,
			At: time.Now(), Result: pointsman.Pass, Clears: "use the runbook postgres-failover-pgbouncer, or one with a step pgbouncer.repoint",
		}
		text, err := swap.Read(p.Ini)
		var at ini.Place
		if err == nil {
			at, err = ini.Find(string(text), p.entry(c))
		}
		f.Value = "leads to " + at.String()
		switch {
		case err != nil:
			f.Kind, f.Result, f.Value = pointsman.Ack, pointsman.Unknown, "unknown"
			f.Text = fmt.Sprintf("no step leads the pooler %s to %s, and where it leads now cannot be told: %v", p.Name, candidate, err)
		case at != to && c.placed(at):
			f.Result = pointsman.Fail
			f.Text = fmt.Sprintf("the pooler %s leads to %s, and no step leads it to %s: its clients would not come to the new primary", p.Name, at, candidate)
		default: // the candidate already, or an address of its own that follows the primary
			f.Clears = ""
		}
		out = append(out, f)
	}
	return out
}

// placed reports whether one of the nodes is at the place.
func (c Cluster) placed(at ini.Place) bool {
	return slices.ContainsFunc(c.Nodes, func(n Node) bool { place, err := n.place(); return err == nil && place == at })
}
