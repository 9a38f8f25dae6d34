package pointsman

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// atGate are the votes in the middle of a run: those that count, and those from an old card or for another step.
func (s *walker) atGate(r Run, add func(Command, string, ...any)) {
	for _, by := range s.people {
		add(CastVote{Run: r.ID, Mark: r.Mark(), Digest: r.Digest, Verdict: Approve, By: by, People: crew}, "%s approves the gate of %s", by, r.ID)
	}
	for _, by := range []Actor{dbaA, eve} {
		add(CastVote{Run: r.ID, Mark: r.Mark(), Digest: r.Digest, Verdict: Deny, By: by, People: crew}, "%s denies the gate of %s", by, r.ID)
	}
	left := map[string]Person{"ana": dbaA.Person}
	add(CastVote{Run: r.ID, Mark: r.Mark(), Digest: r.Digest, Verdict: Approve, By: dbaA, People: left}, "ana approves the gate of %s when ben has left", r.ID)
	add(CastVote{Run: r.ID, Mark: r.Mark(), Digest: r.Digest, Verdict: Deny, By: dbaA, People: left}, "ana denies the gate of %s when ben has left", r.ID)
	add(CastVote{Run: r.ID, Mark: "2.9", Digest: r.Digest, Verdict: Approve, By: dbaB}, "ben approves the gate of %s at another attempt", r.ID)
	add(CastVote{Run: r.ID, Digest: r.Digest, Verdict: Approve, By: dbaB}, "ben approves the gate of %s without saying which", r.ID)
	add(CastVote{Run: r.ID, Mark: r.Mark(), Digest: strings.Repeat("0", 64), Verdict: Approve, By: dbaB}, "ben approves the gate of %s for another plan", r.ID)
}

// atGate counts a vote at a gate: by run, step and attempt, so that nothing carries over to another one.
func (b ballots) atGate(m move, c CastVote) ballots {
	if c.Verdict != Approve || m.answer.Code != CodeAccepted && m.answer.Code != CodeCounted {
		return b
	}
	r, _ := m.before.Run(c.Run)
	key := r.ID + " " + r.Mark()
	if b[key] == nil {
		b[key] = map[string]string{}
	}
	b[key][c.By.Person.ID] = r.Digest
	return b
}

// leave takes away what people gave at a gate who may not open it any more. What they gave the plan, when they might, stays.
func (b ballots) leave(m move, ev Event) {
	var gone []Vote
	if err := json.Unmarshal(ev.Data, &gone); err != nil || len(gone) == 0 {
		panic(fmt.Sprintf("%s of %s says whose votes are gone as %q", ev.Type, ev.Run, ev.Data))
	}
	r, _ := m.before.Run(ev.Run)
	for _, v := range gone {
		delete(b[r.ID+" "+r.Mark()], v.Person.ID)
	}
}

func (b ballots) at(key string) string {
	return strings.Join(slices.Sorted(maps.Keys(b[key])), ",")
}

// quorumAtGates: a gate is done by votes alone, by as many distinct people with the role as it asks for, besides the one
// who asked for the run, given for this step and attempt, before its expiry.
func quorumAtGates(m move) error {
	now := m.ballots.after(m)
	for _, r := range m.after.Runs {
		old, existed := m.before.Run(r.ID)
		for i, s := range r.Steps {
			if !existed || s.Kind != KindGate || s.State != StepDone || old.Steps[i].State == StepDone {
				continue
			}
			p, _ := m.after.Proposal(r.Proposal)
			n := 0
			for who, digest := range now[r.ID+" "+old.Mark()] {
				if digest == r.Digest && who != p.Requester.Person.ID && who != "eve" && who != "" {
					n++
				}
			}
			c, vote := m.cmd.(CastVote)
			switch {
			case !vote || c.Mark != old.Mark() || !strings.HasPrefix(r.Digest, c.Digest) || old.Current() != i:
				return fmt.Errorf("the gate of %s was opened by %+v at %s", r.ID, m.cmd, old.Mark())
			case n < 2:
				return fmt.Errorf("the gate of %s opened with %d of 2", r.ID, n)
			case !m.now.Before(old.Steps[i].Gate.ExpiresAt):
				return fmt.Errorf("the gate of %s opened after its expiry", r.ID)
			}
		}
	}
	return nil
}
