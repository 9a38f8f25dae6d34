package killswitch

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// The kinds, as runbooks name them.
const (
	KindEngage  = "killswitch.engage"
	KindRelease = "killswitch.release"
	KindVerify  = "killswitch.verify"
)

// The runbooks for which the short doors ask, by the name of a switch alone. They are ordinary ones, so policy, record and
// read-back are the same as for everything else.
const (
	EngageRunbook  = "killswitch-engage"
	ReleaseRunbook = "killswitch-release"
)

// args are the arguments of engage and release.
type args struct {
	Switch string `json:"switch"` // a configured switch; the run's target by default
}

// memo is what a change leaves for its verification.
type memo struct {
	UpdatedAt time.Time `json:"updated_at"`
	Server    string    `json:"server"`
	LSN       string    `json:"lsn"`
	Already   bool      `json:"already,omitempty"`
}

// pick finds the configured switch. A name that is still a reference is let through by Describe alone, with a nil switch.
func (w *Watcher) pick(name string, in actions.Input) (*watched, error) {
	if name == "" && in.Target.Kind == "killswitch" {
		name = in.Target.Name
	}
	if s, ok := w.switches[name]; ok {
		return s, nil
	}
	if name == "" {
		return nil, fmt.Errorf("switch is missing: name one of %s", strings.Join(w.order, ", "))
	}
	return nil, fmt.Errorf("there is no kill switch %q; configured are %s", name, cmp.Or(strings.Join(w.order, ", "), "none"))
}

func (w *Watcher) of(in actions.Input) (*watched, error) {
	var a args
	if err := in.Args(&a); err != nil {
		return nil, err
	}
	return w.pick(a.Switch, in)
}

// promised reports whether an earlier step of the plan does that to this very switch. One whose switch is not known promises
// nothing: another switch that is engaged is no reason to wait with the look at this one.
func (w *Watcher) promised(in actions.Input, s *watched, kinds ...string) bool {
	return slices.ContainsFunc(in.Promised, func(p actions.Promise) bool {
		if p.With == nil || !slices.Contains(kinds, p.Kind) {
			return false
		}
		earlier := in
		earlier.With = p.With
		of, err := w.of(earlier)
		return err == nil && of == s
	})
}

// describe makes "engage the kill switch trading".
func (w *Watcher) describe(verb, name string, in actions.Input) (string, error) {
	if !w.unread && !actions.Reference(name) && (name != "" || in.Target.Kind != "") {
		s, err := w.pick(name, in)
		if err != nil {
			return "", err
		}
		name = s.Name
	}
	return strings.TrimSpace(verb + " the kill switch " + name), nil
}

// fact is the switch as a plain line of a card.
func fact(s *watched, r row, result pointsman.FactResult) pointsman.Fact {
	return pointsman.Fact{
		Name: "kill switch " + s.Name, Value: r.standing(), Source: r.Server + " (primary)", At: r.At.UTC(), Result: result,
		Text: fmt.Sprintf("%s is %s, read from %s", s.Name, r.standing(), r.Server),
	}
}

// unreadable is a switch that cannot be read, as a line of a card.
func unreadable(s *watched, err error) pointsman.Fact {
	st := s.status()
	last := "it was never read"
	if !st.LastRead.IsZero() {
		last = fmt.Sprintf("the last read was %s ago", pointsman.Span(st.Age))
	}
	return pointsman.Fact{
		Name: "kill switch " + s.Name, Value: "unknown", Limit: "readable from the primary", Source: "table " + s.Table, At: time.Now().UTC(), Result: pointsman.Unknown,
		Text:   fmt.Sprintf("%s cannot be read (%v); %s, and without one for %s it counts as engaged", s.Name, err, last, s.StaleAfter),
		Clears: "make the database of the switch reachable",
	}
}

// back warns when the row is older than one that was seen before: after a failover the last write may be lost.
func back(s *watched, r row, before time.Time) []pointsman.Fact {
	if !r.UpdatedAt.Before(before) {
		return nil
	}
	return []pointsman.Fact{{
		Kind: pointsman.Warn, Name: "last write of " + s.Name, Value: when(r.UpdatedAt), Limit: "not before " + when(before), Source: r.Server,
		At: r.At.UTC(), Result: pointsman.Fail,
		Text:   fmt.Sprintf("the row of %s is of %s, but one of %s was seen: a just engaged switch may have been lost", s.Name, when(r.UpdatedAt), when(before)),
		Clears: "engage it again if in doubt",
	}}
}

// outcome is what is kept and said of a change.
func (w written) outcome(s *watched, verb string) (actions.Outcome, error) {
	s.saw(w.row)
	raw, err := json.Marshal(memo{UpdatedAt: w.UpdatedAt, Server: w.Server, LSN: w.LSN, Already: w.Already})
	if err != nil {
		return actions.Outcome{}, err
	}
	note := fmt.Sprintf("%s %s on the primary %s at LSN %s and read back on the same session", s.Name, verb, w.Server, w.LSN)
	if w.Already {
		note = fmt.Sprintf("nothing to write: %s is %s on the primary %s, LSN %s", s.Name, w.standing(), w.Server, w.LSN)
	}
	return actions.Outcome{Memo: raw, Note: note}, nil
}

// runOf is the run's id in a step's key: INC-7/R1 of INC-7/R1/3.
func runOf(key string) string {
	if i := strings.LastIndexByte(key, '/'); i >= 0 {
		return key[:i]
	}
	return key
}

// reasonFor is what the row will say. The run comes first, so that it survives every cut: it leads to the record of
// who decided.
func reasonFor(in actions.Input, most int) string {
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.TrimSpace(in.Reason))
	if text == "" {
		text = "no reason given"
	}
	if in.Actor != "" {
		text += " (" + in.Actor + ")"
	}
	if run := runOf(in.Key); run != "" {
		text = run + ": " + text
	} else if in.Incident != "" {
		text = in.Incident + ": " + text
	}
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}
