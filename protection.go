package pointsman

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Everything is the key under which the freeze is kept: a hold on all targets.
const Everything = ""

// Protection is what is remembered of a target beyond one run: a person's hold on it and the last failover. Its row is
// locked by whoever queues a run on the target and by whoever locks it, so that the two exclude each other.
type Protection struct {
	Target string `json:"target"` // key, "postgres/orders"; Everything for the freeze
	// Token is the fencing token: it rises with every lock on the target, a run's or a person's. Whoever shows a
	// smaller one held the target before somebody else did.
	Token int64 `json:"token"`
	Hold  Hold  `json:"hold,omitzero"`
	Moved Moved `json:"moved,omitzero"`
	Alarm Alarm `json:"alarm,omitzero"` // the last one of a watch over the target
}

// Blank reports whether nothing is remembered of the target.
func (p Protection) Blank() bool {
	return p.Token == 0 && p.Hold.Since.IsZero() && p.Moved.Run == "" && p.Moved.Rejoined.IsZero() && p.Alarm.N == 0
}

// Hold is a person's word that nothing may run here.
type Hold struct {
	By     Actor     `json:"by"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until,omitzero"` // zero lasts until somebody ends it
	Token  int64     `json:"token"`
}

// Lasts reports whether the hold is in force at now.
func (h Hold) Lasts(now time.Time) bool {
	return !h.Since.IsZero() && (h.Until.IsZero() || now.Before(h.Until))
}

// Moved is the last failover of a target: a run that passed a point of no return and whose plan chose a candidate.
type Moved struct {
	Run      string    `json:"run"`
	Runbook  string    `json:"runbook"`
	At       time.Time `json:"at"`                // when the run ended
	From     string    `json:"from,omitempty"`    // the node that served before
	To       string    `json:"to,omitempty"`      // the node that serves since
	Rejoined time.Time `json:"rejoined,omitzero"` // when a run that brings the former node back was done
}

// The pins by which a plan says which node it moves from and to, and which one it brings back.
const (
	PinFrom = "old_primary"
	PinTo   = "candidate"
	PinBack = "rejoin_node"
)

// Moves reports whether the plan is a failover: it chose a candidate and has a point of no return.
func (p Plan) Moves() bool {
	return p.Pins[PinTo] != "" && slices.ContainsFunc(p.Steps, func(s PlanStep) bool { return s.Irreversible })
}

// Held is everything that stands in the way of runs at one moment: what people hold and what runs hold.
type Held struct {
	Protections []Protection `json:"protections"`
	Runs        []Lock       `json:"runs"`
}

// Of finds the protection with the key.
func (h Held) Of(key string) Protection {
	for _, p := range h.Protections {
		if p.Target == key {
			return p
		}
	}
	return Protection{Target: key}
}

// Sentence says who holds what, why, since when and until when.
func (p Protection) Sentence() string {
	what, word := p.Target, "locked"
	if p.Target == Everything {
		what, word = "everything", "frozen"
	}
	s := fmt.Sprintf("%s is %s by %s since %s", what, word, p.Hold.By, Moment(p.Hold.Since))
	if !p.Hold.Until.IsZero() {
		s += " until " + Moment(p.Hold.Until)
	}
	return s + because(p.Hold.Reason)
}

// Clears says what ends the hold.
func (p Protection) Clears() string {
	how := "pointsman unlock " + p.Target
	if p.Target == Everything {
		how = "pointsman unfreeze"
	}
	if p.Hold.Until.IsZero() {
		return how + " ends it"
	}
	return how + " ends it earlier"
}

// Moment writes a time with its day, for what may last longer than a night.
func Moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// held finds a person's hold that stands in the way of a run on the target: the freeze, or a lock of the target.
func (t *turn) held(target string, exempt bool) (Protection, bool) {
	if exempt {
		return Protection{}, false
	}
	for _, key := range []string{Everything, target} {
		for _, p := range t.state.Protections {
			if p.Target == key && p.Hold.Lasts(t.now) {
				return p, true
			}
		}
	}
	return Protection{}, false
}

// protection finds the record of the target, or begins one.
func (t *turn) protection(key string) *Protection {
	for i := range t.state.Protections {
		if t.state.Protections[i].Target == key {
			return &t.state.Protections[i]
		}
	}
	t.state.Protections = append(t.state.Protections, Protection{Target: key})
	return &t.state.Protections[len(t.state.Protections)-1]
}

// heldBack says why the next intent of a run may not be committed. It is asked in the transaction that would commit it:
// a look beforehand would let a step begin that was frozen in between.
func (t *turn) heldBack(r *Run) string {
	if why := t.barred(r); why != "" {
		return why
	}
	return t.alarmed(r)
}

// barred is what no word of a person on the run itself overcomes: somebody's hold, and a lock that the run has lost.
func (t *turn) barred(r *Run) string {
	if p, held := t.held(r.Target.Key(), r.Exempt); held {
		return p.Sentence() + " (" + p.Clears() + ")"
	}
	if !r.Holds || r.Token == 0 { // queued by a version without tokens
		return ""
	}
	if now := t.token(r.Target.Key()); r.Token != now {
		return fmt.Sprintf("its lock of %s has fencing token %d, the target is at %d: somebody else held it since", r.Target.Key(), r.Token, now)
	}
	return ""
}

func (t *turn) token(key string) int64 {
	return Held{Protections: t.state.Protections}.Of(key).Token
}

// remember keeps what the next decisions about the target must know of a run that ended.
func (t *turn) remember(r *Run) {
	if !r.Holds {
		return
	}
	plan, err := DecodePlan(r.Plan)
	if err != nil {
		t.fail(err) // or the next run would know of no failover, and no cool-down would hold it
		return
	}
	p := t.protection(r.Target.Key())
	switch back := plan.Pins[PinBack]; {
	case plan.Moves() && r.PastReturn():
		p.Moved = Moved{Run: r.ID, Runbook: r.Runbook, At: t.now, From: plan.Pins[PinFrom], To: plan.Pins[PinTo]}
	case plan.Rejoins && r.State == RunDone && (back == "" || back == p.Moved.From):
		p.Moved.Rejoined = t.now
	}
}

// PastReturn reports whether an irreversible step had its effect, or may have had it.
func (r Run) PastReturn() bool {
	for _, s := range r.Steps {
		if s.Irreversible && s.mayHold() {
			return true
		}
	}
	return false
}

func oneOfRoles(roles []string) string { return "the role " + strings.Join(roles, " or ") }
