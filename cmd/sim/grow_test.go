package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// lag is a figure that in some runs grows once their first step has had its effect, and in some of those once more.
func (l lever) lag(in actions.Input) pointsman.Bound {
	n, first := 100.0, ""
	if i := strings.LastIndexByte(in.Key, '/'); i > 0 && in.Phase != actions.Propose {
		first = in.Key[:i] + "/1"
	}
	l.mu.Lock()
	fenced := l.effects[first] > 0
	l.mu.Unlock()
	if fenced && within(l.grows, l.since()) {
		n = 200
	} else if fenced && within(l.grows, l.since()-6*time.Second) {
		n = 300
	}
	return pointsman.Bound{Name: "lag", Max: n, Text: fmt.Sprintf("lag <= %.0f", n)}
}

// tooMuch is what Apply looks at last of all; it notes within which limit the effect happens.
func (l lever) tooMuch(in actions.Input) error {
	now := l.lag(in)
	was, ok := in.Bound("lag")
	if l.kind != "yard.throw" {
		return nil
	}
	if !ok || now.Max > was.Max {
		return &actions.RefusedError{Facts: []pointsman.Fact{{
			Guard: "T3", Kind: pointsman.Hard, Name: "lag", Value: now.Text, Result: pointsman.Fail, Text: "it has grown", Excess: pointsman.Exceeds(now, was.Text),
		}}}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limits[in.Key] = was.Max
	return nil
}

// accepts is everybody before a run that asks, now and then with an older question.
func (w *world) accepts(ctx context.Context, r pointsman.Run) {
	if r.Question == nil || w.since() > w.storm {
		return
	}
	for _, who := range []pointsman.Person{rob, eve, ana, ben} {
		yes := pointsman.Steer{Run: r.ID, Verb: pointsman.VerbAccept, Mark: r.Mark(), Digest: r.Question.Digest, Reason: "as seen", By: by(who), People: crew}
		if w.draw(5, who.ID, "older question") == 0 {
			yes.Digest = strings.Repeat("0", 64)
		}
		if w.draw(2, who.ID, "accepts", r.ID) == 0 {
			_, _ = w.give(ctx, yes)
		}
	}
}

// grants: T2. More than was approved is accepted by one more than the plan's quorum, and by nobody who asked for it; no
// effect has a greater limit than what was approved or accepted so.
func (j *ruling) grants(ev pointsman.Event) {
	if ev.Type != pointsman.EvRunAccepted {
		return
	}
	var g pointsman.Grant
	if err := json.Unmarshal(ev.Data, &g); err != nil {
		j.violated("what was accepted for %s cannot be read: %v", ev.Run, err)
	}
	voices := map[string]bool{ev.Actor.Person.ID: true}
	for who, digest := range j.votes[ev.Proposal] {
		voices[who] = voices[who] || digest == ev.Digest
	}
	n := 0
	for who, counts := range voices {
		if counts && (who == "ana" || who == "ben" || who == "rob" && !j.asked(ev.Proposal)) {
			n++
		}
	}
	need := j.cat.runbook.Approval.Needed() + 1
	if who := ev.Actor.Person.ID; n < need || who == "eve" || who == "rob" && j.asked(ev.Proposal) || g.Plan != ev.Digest {
		j.violated("T2: %s accepted %v for %s with %d of %d", ev.Actor, g.Excess, ev.Run, n, need)
	}
	for _, x := range g.Excess {
		if x.Max != nil {
			j.granted[ev.Run] = max(*x.Max, j.granted[ev.Run])
		}
	}
}

// limited holds every effect against what was approved and accepted for its run.
func (j *ruling) limited() {
	for key, limit := range j.limits {
		id := strings.Join(strings.Split(key, "/")[:2], "/")
		for _, st := range j.states {
			r, ok := st.Run(id)
			if !ok {
				continue
			}
			plan, err := pointsman.DecodePlan(r.Plan)
			was, bound := plan.Bound("lag")
			if err != nil || !bound || limit > max(was.Max, j.granted[id]) {
				j.violated("T2: %s happened within %v; approved was %v, accepted %v (%v)", key, limit, was.Max, j.granted[id], err)
			}
		}
	}
}
