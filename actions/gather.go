package actions

import (
	"github.com/pointsman/pointsman"
)

// facts joins the facts of all steps in order. Several steps look at the same thing; a card shows it once, with the
// worst of the answers.
func (c checks) facts() []pointsman.Fact {
	var out []pointsman.Fact
	at := map[string]int{}
	for _, s := range c.list {
		for _, f := range s.evidence.Facts {
			id := f.Guard + "\x00" + f.Name
			i, seen := at[id]
			switch {
			case !seen:
				at[id] = len(out)
				out = append(out, f)
			case badness(f) > badness(out[i]):
				out[i] = f
			}
		}
	}
	return out
}

func badness(f pointsman.Fact) int {
	n := 0
	switch f.Result {
	case pointsman.Fail:
		n = 30
	case pointsman.Unknown:
		n = 20
	case pointsman.Later:
		n = 10
	}
	switch f.Kind {
	case pointsman.Hard:
		n += 3
		if f.Refuses() && f.Excess == nil {
			n += 20 // nobody may accept it, so it must not be hidden by what somebody may
		}
	case pointsman.Ack:
		n += 2
	case pointsman.Warn:
		n++
	}
	return n
}

// bounds joins the accepted figures; of two with one name the smaller is kept, as both were accepted.
func (c checks) bounds() []pointsman.Bound {
	var out []pointsman.Bound
	at := map[string]int{}
	for _, s := range c.list {
		for _, b := range s.evidence.Bounds {
			if i, seen := at[b.Name]; !seen {
				at[b.Name] = len(out)
				out = append(out, b)
			} else if b.Max < out[i].Max {
				out[i] = b
			}
		}
	}
	return out
}

func (c checks) unresolved() []string {
	var out []string
	for _, s := range c.list {
		if s.problem != "" {
			out = append(out, s.problem)
		}
	}
	return out
}

func (c checks) steps(in []pointsman.RunbookStep) []pointsman.PlanStep {
	out := make([]pointsman.PlanStep, len(in))
	for i, s := range in {
		if w := c.list[i].when; w != nil {
			c.list[i].summary += ", only if " + w.String()
		}
		out[i] = pointsman.PlanStep{
			Name: s.Name, Kind: s.Kind, With: c.list[i].with, Timeout: s.Timeout,
			Irreversible: s.Irreversible, Approval: s.Approval, When: c.list[i].when, Summary: c.list[i].summary, SkipBy: s.SkipBy,
			Undo: c.list[i].undo, ByHand: c.list[i].byHand, UndoByHand: c.list[i].undoByHand, Ungraceful: c.list[i].harder, Group: s.Group,
		}
	}
	return out
}

// already says that the runbook's purpose is reached without us: its irreversible step has happened, or, where it has
// none, every step's effect holds.
func (c checks) already(steps []pointsman.RunbookStep) string {
	all, any, irreversible := true, "", false
	for i, s := range steps {
		ev := c.list[i].evidence
		if s.Irreversible {
			irreversible = true
			if ev.Already {
				return c.list[i].summary + " has happened already, by " + by(ev)
			}
		}
		if !ev.Already {
			all = false
			continue
		}
		any = c.list[i].summary + " holds already, by " + by(ev)
	}
	if irreversible || !all {
		return ""
	}
	return any
}

func by(ev pointsman.Evidence) string {
	if ev.AlreadyBy == "" {
		return "somebody else"
	}
	return ev.AlreadyBy
}
