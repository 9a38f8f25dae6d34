package endpoint

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/swap"
)

// Examine looks whether every endpoint could be switched: the file holds the variable once and may be replaced, it leads to
// one of the places, and the places answer. Commands are not run.
func (c Config) Examine(ctx context.Context) []pointsman.Fact {
	var out []pointsman.Fact
	for _, t := range c {
		name := "endpoint/" + t.Name
		say := func(kind pointsman.GuardKind, what, problem, well, clears string) {
			f := pointsman.Fact{Kind: kind, Name: name + " " + what, Value: "ready", Result: pointsman.Pass, Text: well, Source: t.Name, At: time.Now()}
			if problem != "" {
				f.Value, f.Result, f.Text, f.Clears = "not ready", pointsman.Fail, problem, clears
			}
			out = append(out, f)
		}
		if t.File != "" {
			problem, clears := t.examineFile(ctx)
			say(pointsman.Hard, "file", problem, t.File+" holds "+t.Variable+" once, and may be replaced", clears)
			if now, err := t.current(ctx); err == nil && !slices.ContainsFunc(t.Places, func(p Place) bool { return p.Address == now }) {
				say(pointsman.Warn, "leads", t.Variable+" leads to a place that is not configured", "", "add it to places; a switch compares with what it finds") // not shown: it may hold more than an address
			}
		}
		for _, p := range t.Places {
			d := net.Dialer{Timeout: 2 * time.Second}
			conn, err := d.DialContext(ctx, "tcp", p.Address)
			if err != nil {
				say(pointsman.Warn, "place "+p.Name, fmt.Sprintf("%s does not answer: %v", p.Address, err), "", "correct its address, unless only the application reaches it")
				continue
			}
			_ = conn.Close() // nothing was said on it
			say(pointsman.Warn, "place "+p.Name, "", p.Address+" answers", "")
		}
	}
	return out
}

func (t Target) examineFile(ctx context.Context) (problem, clears string) {
	if _, err := t.current(ctx); err != nil {
		return err.Error(), "correct file and variable; the variable stands in exactly one line"
	}
	if err := swap.May(t.File); err != nil {
		return err.Error(), "give folder and file to the user of this process"
	}
	return "", ""
}

// Addresses lists the places of every endpoint by the target's key.
func (c Config) Addresses() map[string][]string {
	out := map[string][]string{}
	for _, t := range c {
		key := pointsman.Target{Kind: "endpoint", Name: t.Name}.Key()
		for _, p := range t.Places {
			out[key] = append(out[key], p.Address)
		}
	}
	return out
}
