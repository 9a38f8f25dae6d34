package actions

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/pointsman/pointsman"
)

// Kinds of steps that the engine carries out itself: they wait, they have no effect on the world.
const (
	KindWait   = "wait"
	KindManual = "manual.task"
	KindGate   = pointsman.KindGate
	KindWatch  = "watch"
)

// own are the engine's own kinds, sorted.
var own = [...]string{KindGate, KindManual, KindWait, KindWatch}

// Own reports whether the engine carries out steps of the kind itself.
func Own(kind string) bool { return slices.Contains(own[:], kind) }

// Registry finds actions by kind. It is built once, from one visible list.
type Registry struct {
	// Clock is the store's; it is set before anything is looked at.
	Clock Clock

	kinds map[string]Action
}

// NewRegistry makes a registry whose actions are measured by m, which may be nil. Two actions of one kind are an error: which one would run must never be a guess.
func NewRegistry(m *Metrics, list ...Action) (*Registry, error) {
	r := &Registry{kinds: map[string]Action{}}
	for _, a := range list {
		if _, taken := r.kinds[a.Kind()]; taken || Own(a.Kind()) {
			return nil, fmt.Errorf("action kind %s is registered twice", a.Kind())
		}
		r.kinds[a.Kind()] = observed{Action: a, m: m, of: r}
	}
	return r, nil
}

// Find returns the action of a kind.
func (r *Registry) Find(kind string) (Action, bool) {
	a, ok := r.kinds[kind]
	return a, ok
}

// effect finds the action of a step that is to be carried out within the time. The error says why it cannot be.
func (r *Registry) effect(kind string, within time.Duration) (Action, error) {
	act, ok := r.Find(kind)
	switch {
	case !ok:
		return nil, fmt.Errorf("this version knows no action kind %s", kind)
	case within <= 0:
		return nil, errors.New("it has no timeout, so nobody could tell when it is over")
	}
	return act, nil
}

// clock is the store's; a registry that is not there has none.
func (r *Registry) clock() Clock {
	if r == nil {
		return nil
	}
	return r.Clock
}

// Kinds lists every kind that a runbook may name, sorted.
func (r *Registry) Kinds() []string {
	out := slices.Clone(own[:])
	for k := range r.kinds {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// Nearest is the known kind that looks most like the given one, for "did you mean"; empty if none is close.
func (r *Registry) Nearest(kind string) string { return closest(kind, r.Kinds()) }

// closest is the known word that looks most like the given one; empty if none is close.
func closest(word string, known []string) string {
	best, dist := "", len(word)/2+1
	for _, k := range known {
		if d := distance(word, k); d < dist {
			best, dist = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance, by the usual two rows.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		last := slices.Clone(row)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(row[j-1]+1, last[j]+1, last[j-1]+cost)
		}
	}
	return row[len(b)]
}
