package actions

import (
	"context"
	"fmt"
	"time"

	"github.com/pointsman/pointsman"
)

// Records tells what is held and what is remembered of targets.
type Records interface {
	Held(ctx context.Context) (pointsman.Held, error)
}

// Warden judges a run as a whole, beside the checks of its steps: locks and freezes of people, windows, the cool-down
// after a failover, how much one run can break. It is asked at the proposal, at the start and before each irreversible step. Locks and the freeze
// are decided once more by the reducer, in the transaction that commits an intent; here they are told in time.
type Warden struct {
	Records Records
	Guards  func() Guards            // as configured now
	Drills  func(target string) bool // as configured now; nil allows drills nowhere
	Kinds   *Registry                // which targets a plan works on, and whether others are healthy
	// CheckTimeout is the deadline for asking the other members of a group.
	CheckTimeout time.Duration
}

// Where the facts about holds come from.
const (
	sourceLocks         = "locks"
	sourceStore         = "store"
	sourceConfiguration = "configuration"
)

// matter is what is judged.
type matter struct {
	plan      pointsman.Plan
	run       string // empty at the proposal
	suggested bool   // alerts asked for it
}

// planned: it can wait for a window. A plan from before there were modes can, where a person asked for it.
func (m matter) planned() bool {
	return m.plan.Mode == pointsman.ModePlanned || m.plan.Mode == "" && !m.suggested
}

// facts are what stands in the way or must be accepted; a target that nothing protects has none.
func (w *Warden) facts(ctx context.Context, m matter) []pointsman.Fact {
	if w == nil {
		return nil
	}
	key, now, g := m.plan.Target.Key(), w.Kinds.clock().Now(), w.Guards()
	var out []pointsman.Fact
	if m.plan.Mode == pointsman.ModeDrill && (w.Drills == nil || !w.Drills(key)) {
		out = append(out, noDrill(key, now))
	}
	if m.plan.Exempt {
		return out
	}
	held, err := w.Records.Held(ctx)
	if err != nil {
		return append(out, pointsman.Fact{
			Guard: "G7", Kind: pointsman.Hard, Name: "locks", Value: "unknown", Source: sourceStore, At: now, Result: pointsman.Unknown,
			Text: fmt.Sprintf("whether %s is locked cannot be told: %v", key, err), Clears: "refresh the checks when the store answers",
		})
	}
	out = append(out, holdFacts(held, g, m, now)...)
	if key == "" {
		return out
	}
	out = append(out, w.blastFacts(ctx, g, m, now)...)
	if m.plan.Lock {
		out = append(out, cooldownFacts(held.Of(key), g.cooldown(key), m, now)...)
	}
	return out
}

// noDrill: an exercise moves what it is tried on like an outage does, so the target itself must say that it may be.
func noDrill(key string, now time.Time) pointsman.Fact {
	if key == "" {
		key = "a run without a target"
	}
	return pointsman.Fact{
		Guard: "G35", Kind: pointsman.Hard, Name: "drill", Value: "not permitted", Limit: "drills: true", Source: sourceConfiguration, At: now,
		Result: pointsman.Fail, Text: fmt.Sprintf("no drill may run on %s: its configuration does not say drills: true", key),
		Clears: "set drills: true at the target, if an exercise may change it",
	}
}

// holdFacts are what holds a run back without anybody being asked: people's locks, the freeze, windows.
func holdFacts(held pointsman.Held, g Guards, m matter, now time.Time) []pointsman.Fact {
	key := m.plan.Target.Key()
	var out []pointsman.Fact
	for _, p := range []pointsman.Protection{held.Of(pointsman.Everything), held.Of(key)} {
		if p.Hold.Lasts(now) {
			out = append(out, holdFact(p, now))
		}
		if key == "" {
			return out // it has no lock of its own
		}
	}
	return append(out, windowFacts(g.of(key), key, m, now)...)
}

func holdFact(p pointsman.Protection, now time.Time) pointsman.Fact {
	f := pointsman.Fact{
		Guard: "G7", Kind: pointsman.Hard, Name: "lock of " + p.Target, Value: "held by " + p.Hold.By.String(), Limit: "nobody",
		Source: sourceLocks, At: now, Result: pointsman.Fail, Text: p.Sentence(), Clears: p.Clears(),
	}
	if p.Target == pointsman.Everything {
		f.Guard, f.Name, f.Value = "G23", "freeze", "frozen by "+p.Hold.By.String()
	}
	return f
}

// windowFacts: suggestions are refused inside a no-automation window, planned work outside its own windows.
func windowFacts(g TargetGuards, key string, m matter, now time.Time) []pointsman.Fact {
	var out []pointsman.Fact
	fact := func(kind pointsman.GuardKind, name, value, limit, text, clears string) {
		out = append(out, pointsman.Fact{
			Guard: "G23", Kind: kind, Name: name, Value: value, Limit: limit, Source: sourceConfiguration, At: now,
			Result: pointsman.Fail, Text: text, Clears: clears,
		})
	}
	if w, until, in := inside(g.NoAutomation, now); in {
		again := pointsman.Moment(until)
		if m.suggested {
			fact(pointsman.Hard, "no automation", w.Name, "outside of "+w.Name,
				fmt.Sprintf("%s takes no suggested runs in the window %s; they are allowed again at %s", key, w, again),
				"wait until "+again+", or a person asks: pointsman run "+m.plan.Runbook)
		} else {
			fact(pointsman.Warn, "no automation", w.Name, "outside of "+w.Name,
				fmt.Sprintf("%s is in the window %s until %s; a person asked, so it is allowed", key, w, again), "")
		}
	}
	if !m.planned() || len(g.OnlyWithin) == 0 {
		return out
	}
	if _, _, in := inside(g.OnlyWithin, now); in {
		return out
	}
	if w, from, comes := opens(g.OnlyWithin, now); comes {
		fact(pointsman.Hard, "maintenance window", "closed", w.Name,
			fmt.Sprintf("planned work on %s runs only within its windows; the next one is %s, at %s", key, w, pointsman.Moment(from)), "wait until "+pointsman.Moment(from))
	} else {
		fact(pointsman.Hard, "maintenance window", "closed", "one that is open",
			fmt.Sprintf("planned work on %s runs only within its windows, and none comes any more", key), "add one under guards.targets[].only_within")
	}
	return out
}

// cooldownFacts keep a target from being moved to and fro. Their sentences say moments and no ages, because the digest
// covers them: it must not change from one look to the next.
func cooldownFacts(p pointsman.Protection, cool time.Duration, m matter, now time.Time) []pointsman.Fact {
	last := p.Moved
	if last.Run == "" || last.Run == m.run {
		return nil
	}
	var out []pointsman.Fact
	fact := func(kind pointsman.GuardKind, name, value, limit, text, clears string) {
		out = append(out, pointsman.Fact{
			Guard: "G9", Kind: kind, Name: name, Value: value, Limit: limit, Source: "log", At: now, Result: pointsman.Fail, Text: text, Clears: clears,
		})
	}
	until := last.At.Add(cool)
	said := fmt.Sprintf("%s was moved by %s (%s) at %s", p.Target, last.Run, last.Runbook, pointsman.Moment(last.At))
	if now.Before(until) {
		kind := pointsman.Warn
		if m.suggested {
			kind = pointsman.Ack
		}
		fact(kind, "cool-down", "since "+pointsman.Moment(last.At), pointsman.Span(cool),
			fmt.Sprintf("%s; the cool-down of %s lasts until %s", said, pointsman.Span(cool), pointsman.Moment(until)), "wait until "+pointsman.Moment(until))
		if m.plan.Moves() {
			fact(pointsman.Ack, "second failover", "2 within "+pointsman.Span(cool), "1 within "+pointsman.Span(cool),
				fmt.Sprintf("%s, so this would be the second failover within %s", said, pointsman.Span(cool)), "wait until "+pointsman.Moment(until))
		}
	}
	back := last.From != "" && m.plan.Pins[pointsman.PinTo] == last.From
	if m.plan.Moves() && back && !last.Rejoined.After(last.At) {
		fact(pointsman.Ack, "fail-back", last.From+" not rejoined", last.From+" rejoined",
			fmt.Sprintf("%s away from %s, which no run has brought back since; this would fail back to it", said, last.From),
			"rebuild "+last.From+" with a runbook that rejoins it")
	}
	return out
}
