package pointsman

import (
	"fmt"
	"strings"
	"time"
)

// growing are the refusals of a step because more would be lost than was approved, and the words of those who may accept
// that and those who may not, on this card and on an older one.
func growing(r Run, add func(Command, string, ...any)) {
	i := r.Current()
	if i < len(r.Steps) && r.Steps[i].Attempt <= 2 {
		for _, bytes := range []float64{300_000, 400_000} {
			facts := grown(bytes)
			add(EndStep{Run: r.ID, Epoch: r.Epoch, Step: i, State: StepRefused, Facts: facts}, "%s: step %d refused, %v would be lost", r.ID, i+1, bytes)
			if bytes == 300_000 {
				facts = append(facts, Fact{Guard: "G1", Kind: Hard, Name: "fence", Value: "unknown", Result: Unknown})
				add(EndStep{Run: r.ID, Epoch: r.Epoch, Step: i, State: StepRefused, Facts: facts}, "%s: step %d refused, more is lost and the fence unknown", r.ID, i+1)
			}
		}
	}
	for _, verb := range []Verb{VerbPause, VerbResume} {
		add(Steer{Run: r.ID, Verb: verb, Reason: "r", By: dbaA}, "ana says %s to %s", verb, r.ID)
	}
	add(WakeRun{Run: r.ID, Epoch: r.Epoch + 1, Checked: true}, "%s wakes, all as approved", r.ID)
	add(WakeRun{Run: r.ID, Epoch: r.Epoch + 1, Checked: true, Facts: grown(300_000)}, "%s wakes, 300000 would be lost", r.ID)
	digest := strings.Repeat("0", 64)
	if r.Question != nil {
		digest = r.Question.Digest
	}
	for _, by := range []Actor{dbaA, dbaB, rob, eve, nobody} {
		add(Steer{Run: r.ID, Verb: VerbAccept, Mark: r.Mark(), Digest: digest, Reason: "r", By: by, People: crew}, "%s accepts what %s asks", by, r.ID)
	}
	add(Steer{Run: r.ID, Verb: VerbAccept, Mark: r.Mark(), Digest: strings.Repeat("0", 64), Reason: "r", By: rob}, "rob accepts what %s does not ask", r.ID)
}

// growKey says what of a question and its answers decides about the future of a run.
func growKey(r Run, rel func(time.Time) string) string {
	var b strings.Builder
	if q := r.Question; q != nil {
		fmt.Fprintf(&b, " ?%s%v", rel(q.Until), *q.Excess[0].Max)
	}
	if up, ok := r.Raised(Plan{}).Bound("lost_bytes"); ok {
		fmt.Fprintf(&b, " !%v", up.Max)
	}
	return b.String()
}

// grantedByRight: a limit is raised only by the word of somebody who makes, with those who approved the plan, a quorum of
// one more; to exactly what the parked run asked for its step, which nothing but that refused, and before it expired. The
// plan stays what it was, and a run that goes on asks nothing.
func grantedByRight(m move) error {
	for _, r := range m.after.Runs {
		old, existed := m.before.Run(r.ID)
		if existed && (r.Digest != old.Digest || !same(r.Plan, old.Plan)) {
			return fmt.Errorf("the plan of %s changed", r.ID)
		}
		if q := r.Question; q != nil {
			no := Refusals(r.Facts)
			for _, f := range no {
				if f.Excess == nil || f.Result != Fail {
					return fmt.Errorf("%s asks although %s stands in the way", r.ID, f.Sentence())
				}
			}
			s := r.Steps[r.Current()]
			halted := r.Fresh && s.State == StepPending // it was to be resumed
			if r.State != RunParked || s.State != StepRefused && !halted || len(no) == 0 {
				return fmt.Errorf("%s asks while it is %s and its step %s", r.ID, r.State, s.State)
			}
		}
		if !existed || len(r.Granted) == len(old.Granted) {
			continue
		}
		c, said := m.cmd.(Steer)
		q := old.Question
		if !said || c.Verb != VerbAccept || q == nil || c.Digest != q.Digest || !m.now.Before(q.Until) || len(r.Granted) != len(old.Granted)+1 {
			return fmt.Errorf("%s was granted by %+v to %+v", r.ID, m.cmd, q)
		}
		g := r.Granted[len(r.Granted)-1]
		if !same(g.Excess, q.Excess) || g.Step != old.Current() || g.Plan != r.Digest || g.By.Person.ID != c.By.Person.ID || !m.has(EvRunAccepted) {
			return fmt.Errorf("%s was granted %+v for %+v", r.ID, g, q)
		}
		p, _ := m.before.Proposal(r.Proposal)
		plan, err := DecodePlan(r.Plan)
		if err != nil {
			return err
		}
		who := map[string]bool{}
		for id, digest := range m.ballots[p.ID] {
			who[id] = digest == r.Digest
		}
		who[c.By.Person.ID] = c.By.Person.Has("dba")
		delete(who, p.Requester.Person.ID)
		n := 0
		for _, counts := range who {
			if counts {
				n++
			}
		}
		if n < plan.Policy.Needed()+1 {
			return fmt.Errorf("%s was granted by %s with %d of %d", r.ID, c.By, n, plan.Policy.Needed()+1)
		}
	}
	return nil
}
