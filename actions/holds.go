package actions

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

// Waiting tells which proposals wait for people, and takes the word that one is to be checked again.
type Waiting interface {
	Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error)
	Undecided(ctx context.Context) ([]pointsman.Proposal, error)
}

// Holds keeps cards true while a lock, a freeze or a window begins or ends: a proposal that was refused by one is checked
// again when it is over, and one that waits for approval is when it can no longer begin. Without it the card would show
// buttons that do not count, or a refusal that nobody remembers to ask about again.
type Holds struct {
	Store  Waiting
	Warden *Warden
	Log    *slog.Logger

	last   string                // what was in force at the last look; empty before the first
	frozen *pointsman.Protection // the freeze of the last look, if there was one
}

// holdsEvery is how soon a card shows a lock; a look that finds nothing new reads one small table.
const holdsEvery = 500 * time.Millisecond

// Run works until the context ends. Several replicas may: the reducer takes the first word about a generation.
func (h *Holds) Run(ctx context.Context) error {
	tick := time.NewTicker(holdsEvery)
	defer tick.Stop()
	for {
		if err := h.Look(ctx); err != nil && ctx.Err() == nil {
			h.Log.Warn("holds not compared", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Look compares what each proposal was refused for with what is in force, when that may have changed: with a person's word,
// with the end of one, and each minute for windows, which open and close at full minutes.
func (h *Holds) Look(ctx context.Context) error {
	held, err := h.Warden.Records.Held(ctx)
	if err != nil {
		return fmt.Errorf("what is held: %w", err)
	}
	now := h.Warden.Kinds.clock().Now()
	force := now.UTC().Format("2006-01-02 15:04")
	for _, p := range held.Protections {
		if p.Hold.Lasts(now) {
			force += fmt.Sprintf(" %s %d", p.Target, p.Hold.Token)
		}
	}
	if force == h.last {
		return nil
	}
	list, err := h.Store.Undecided(ctx)
	if err != nil {
		return err
	}
	for _, p := range list {
		why, changed := h.changed(held, p, now)
		if !changed {
			continue
		}
		if _, err := h.Store.Do(ctx, pointsman.Relook{Proposal: p.ID, Generation: p.Generation, Why: why}); err != nil && !newer(err) { // that one is looked at by the version that understands it
			return fmt.Errorf("look again at %s: %w", p.ID, err)
		}
	}
	if err := h.tellRuns(ctx, held, now); err != nil {
		return err
	}
	h.last = force // only now: what failed is tried again at the next look
	return nil
}

// tellRuns puts a freeze that began or ended on the cards of open runs. A lock needs none: while a run is open nobody can
// lock its target.
func (h *Holds) tellRuns(ctx context.Context, held pointsman.Held, now time.Time) error {
	var frozen *pointsman.Protection
	if p := held.Of(pointsman.Everything); p.Hold.Lasts(now) {
		frozen = &p
	}
	var text, once string
	switch before := h.frozen; {
	case h.last == "": // what began or ended before this process did was told by the ones before it
	case frozen != nil && (before == nil || before.Hold.Token != frozen.Hold.Token):
		text, once = frozen.Sentence()+" ("+frozen.Clears()+")", fmt.Sprintf("freeze/%d/on/", frozen.Hold.Token)
	case frozen == nil && before != nil:
		text, once = "the freeze is over", fmt.Sprintf("freeze/%d/off/", before.Hold.Token)
	}
	for _, l := range held.Runs {
		if text == "" {
			break
		}
		if _, err := h.Store.Do(ctx, pointsman.TellHold{Run: l.Run, Text: text, Once: once + l.Run}); err != nil && !newer(err) {
			return fmt.Errorf("tell %s of the freeze: %w", l.Run, err)
		}
	}
	h.frozen = frozen // only now: what failed is tried again at the next look
	return nil
}

// changed says whether other holds are in force than those that the proposal shows, and what to say about it.
func (h *Holds) changed(held pointsman.Held, p pointsman.Proposal, now time.Time) (why string, is bool) {
	plan, err := pointsman.DecodePlan(p.Plan)
	if err != nil || p.Problem != "" || plan.Exempt {
		return "", false // no plan could be made, or nothing holds it back
	}
	fresh := holdFacts(held, h.Warden.Guards(), matter{plan: plan, suggested: !p.Requester.Known()}, now)
	before, after := refusing(p.Facts), refusing(fresh)
	if slices.Equal(before, after) {
		return "", false
	}
	if no := pointsman.Refusals(fresh); len(no) > 0 {
		return no[0].Sentence(), true
	}
	return "nothing holds it back any more", true
}

// refusing names the holds among the facts that refuse, each with who or what holds, in one order. Checks of targets have
// facts of these guards too, such as Patroni's own pause; those are no business of ours.
func refusing(facts []pointsman.Fact) []string {
	var out []string
	for _, f := range facts {
		ours := f.Source == sourceLocks || f.Source == sourceStore || f.Source == sourceConfiguration
		if f.Refuses() && ours && (f.Guard == "G7" || f.Guard == "G23") {
			out = append(out, strings.Join([]string{f.Guard, f.Name, f.Value}, " "))
		}
	}
	slices.Sort(out)
	return out
}
