package pointsman

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// steer carries out an operator's decision on a run. While a step is at work it is a wish: the step goes on to its own
// end, because half a step is worse than either, and begin commits no further intent.
func (t *turn) steer(c Steer) Answer {
	r := t.run(c.Run)
	if r == nil {
		return answer(CodeNotFound, "there is no run %s", c.Run)
	}
	if ans, ok := t.maySteer(r, c); !ok {
		t.say(EvVoteRefused, c.By, fmt.Sprintf("%s of %s by %s does not count: %s", c.Verb, r.ID, c.By, ans.Text), aboutRun(r), reason(c.Reason))
		ans.ID = r.ID
		return ans
	}
	t.acknowledgePage(c.By)
	switch c.Verb {
	case VerbPause, VerbStop:
		return t.wish(r, c)
	case VerbAbort:
		if r.State == RunRunning {
			return t.wish(r, c)
		}
		return t.abort(r, c.By, c.Reason)
	case VerbUngraceful:
		return t.harder(r, c)
	case VerbAccept:
		return t.accept(r, c)
	case VerbDone:
		t.markDone(r, c)
	case VerbSkip:
		t.skip(r, c)
	case VerbResume, VerbRetry:
		if r.HeldUndo {
			return t.undoAgain(r, c)
		}
		if r.State == RunRunning || r.State == RunWaiting {
			return t.unwish(r, c)
		}
		t.despite(r, c.By)
		t.anew(r)
	}
	if r.Current() >= len(r.Steps) {
		t.finish(r, c.By)
		return Answer{Code: CodeAccepted, Text: r.ID + " is done", ID: r.ID}
	}
	return t.goOn(r, c)
}

// wish stores the decision for the end of the step at work.
func (t *turn) wish(r *Run, c Steer) Answer {
	t.moveRun(r, EvRunWished)
	r.Wish = Wish{Verb: c.Verb, By: c.By, Reason: strings.TrimSpace(c.Reason), At: t.now}
	ans := r.Foretell(c.Verb)
	t.say(EvRunWished, c.By, fmt.Sprintf("%s said %s to %s%s; %s", c.By, c.Verb, r.ID, because(c.Reason), ans), aboutRun(r), reason(c.Reason), with(r.Wish))
	return Answer{Code: CodeAccepted, Text: r.ID + ": " + ans, ID: r.ID}
}

// unwish takes a pause back that was not carried out yet.
func (t *turn) unwish(r *Run, c Steer) Answer {
	t.moveRun(r, EvRunWished)
	was := r.Wish
	r.Wish = Wish{}
	text := fmt.Sprintf("%s takes the %s of %s back; %s goes on%s", c.By, was.Verb, was.By, r.ID, because(c.Reason))
	t.say(EvRunWished, c.By, text, aboutRun(r), reason(c.Reason), with(was))
	return Answer{Code: CodeAccepted, Text: text, ID: r.ID}
}

func (t *turn) markDone(r *Run, c Steer) {
	at := r.Current()
	from, to := r.Members(at)
	for _, i := range r.remaining(at) {
		s := &r.Steps[i]
		if to-from > 1 && s.State == StepPending {
			continue // a member that has not begun is no member that happened; the group goes on with it
		}
		t.moveStep(r, i, EvStepDone)
		s.EndedAt, s.MarkedBy, s.Note = t.now, c.By.String(), fmt.Sprintf("marked done by %s%s", c.By, because(c.Reason))
		s.Result = strings.TrimSpace(c.Reason)
		t.say(EvStepDone, c.By, fmt.Sprintf("%s, %s: %s", r.Nth(i), s.Name, s.Note), atStep(r, i), reason(c.Reason))
	}
}

// skip leaves the step out. The guards of the later ones do not count on it: they are judged on what is there.
func (t *turn) skip(r *Run, c Steer) {
	for _, i := range r.remaining(r.Current()) {
		s := &r.Steps[i]
		s.Touched = s.State != StepStarted && s.mayHold() // a wait that is cut short had no effect
		t.moveStep(r, i, EvStepSkipped)
		s.EndedAt, s.Note = t.now, fmt.Sprintf("skipped by %s%s", c.By, because(c.Reason))
		t.say(EvStepSkipped, c.By, fmt.Sprintf("%s, %s: %s", r.Nth(i), s.Name, s.Note), atStep(r, i), reason(c.Reason))
	}
}

// anew lets the step begin anew, as its own recorded attempt; a step that has not begun is just gone on with. Of a group
// these are the members that are not done.
func (t *turn) anew(r *Run) {
	at := r.Current()
	if !r.begun(at) && t.overtaken(r) {
		r.Regardless = true // it was halted before this step because the alerts were gone
	}
	for _, i := range r.remaining(at) {
		s := &r.Steps[i]
		s.Touched = s.mayHold()
		s.restart()
		s.Tries = Tries{}
	}
}

// goOn gives the run back to a worker. What halts it, and its deadline, yield only to a word that the whole run goes on: who
// says that a task is done, or leaves a step out, has spoken of that step, and may be somebody without a voice in the rest.
func (t *turn) goOn(r *Run, c Steer) Answer {
	late := ""
	if c.Verb == VerbRetry || c.Verb == VerbAccept || c.Verb == VerbResume {
		if !r.Until.IsZero() && !t.now.Before(r.Until) {
			late, r.Until = fmt.Sprintf(" although its deadline passed at %s", Clock(r.Until)), time.Time{}
		}
		r.Halt, r.Alarms = "", t.alarms(r.Target.Key()) // they know why it stood still
	}
	t.moveRun(r, EvRunWaiting)
	r.WakeAt, r.Note = t.now, fmt.Sprintf("%s by %s%s", c.Verb, c.By, because(c.Reason))
	t.say(EvRunWaiting, c.By, fmt.Sprintf("%s goes on%s: %s", r.ID, late, r.Note), aboutRun(r), reason(c.Reason))
	return Answer{Code: CodeAccepted, Text: r.ID + " goes on" + late, ID: r.ID}
}

// harder switches what is left of the run to the ungraceful forms. The attempt at work keeps its form; if it fails, the
// next one follows at once, because the person who would be asked has said it already.
func (t *turn) harder(r *Run, c Steer) Answer {
	var names []string
	for _, i := range r.softer() {
		r.Steps[i].HarderFrom = r.Steps[i].Attempt + 1
		names = append(names, r.Steps[i].Name)
	}
	what := strings.Join(names, ", ")
	t.say(EvStepHarder, c.By, fmt.Sprintf("%s switched %s to ungraceful for %s%s", c.By, r.ID, what, because(c.Reason)), aboutRun(r), reason(c.Reason), with(names))
	if r.State == RunParked && r.Steps[r.Current()].HarderFrom > 0 {
		t.anew(r)
		return t.goOn(r, c)
	}
	return Answer{Code: CodeAccepted, Text: fmt.Sprintf("%s is ungraceful from its next attempt on: %s", r.ID, what), ID: r.ID}
}

// softer are the steps ahead, or at work, that have an ungraceful form and are not in it.
func (r Run) softer() []int {
	plan, err := DecodePlan(r.Plan)
	if err != nil {
		return nil
	}
	var out []int
	for i := r.Current(); i < len(r.Steps) && i < len(plan.Steps); i++ {
		if plan.Steps[i].Ungraceful != nil && r.Steps[i].HarderFrom == 0 {
			out = append(out, i)
		}
	}
	return out
}

func (t *turn) maySteer(r *Run, c Steer) (Answer, bool) {
	p := t.proposal(r.Proposal)
	switch {
	case !slices.Contains(Verbs(), c.Verb):
		return answer(CodeInvalid, "%q is no verb for a run; there are %s", c.Verb, verbList()), false
	case r.State.Terminal():
		return answer(CodeDecided, "%s is already %s: %s", r.ID, r.State, r.Note), false
	case c.Mark != "" && c.Mark != r.Mark() && (r.State != RunRunning || !c.Verb.halts()):
		return answer(CodeChanged, "what you saw was older than the run: %s now; look at the card again", r.Standing()), false
	case c.Verb == VerbAbort && r.crossed(c.Mark):
		return answer(CodeChanged, "%s has passed its point of no return since you looked, so an abort is another decision: %s. If you mean that, look at the card again and say so there",
			r.ID, r.Foretell(VerbAbort)), false
	case p == nil:
		return answer(CodeNotFound, "the proposal of %s is gone", r.ID), false
	}
	if why := r.Refuses(c.Verb, t.now); why != "" {
		return answer(CodeInvalid, "%s", why), false
	}
	if c.Verb == VerbAccept && !r.Question.shown(c.Digest) {
		return answer(CodeChanged, "%s asks %s now, you were shown %s; look at the card again", r.ID, ShortDigest(r.Question.Digest), orNone(ShortDigest(c.Digest))), false
	}
	if why := t.barred(r); why != "" && (c.Verb == VerbRetry || c.Verb == VerbAccept || c.Verb == VerbResume) && r.State != RunRunning {
		return answer(CodeLocked, "%s may not go on: %s", r.ID, why), false
	}
	if strings.TrimSpace(c.Reason) == "" {
		return answer(CodeInvalid, "%s needs a reason; it is what others read afterwards", c.Verb), false
	}
	return t.steersman(r, p, c)
}

// crossed reports whether the run has passed its point of no return since it stood at the mark. Who was told there that an
// abort takes everything back would be surprised by one that hands half a failover over.
func (r Run) crossed(mark string) bool {
	place, attempt, _ := strings.Cut(strings.TrimSuffix(mark, "u"), ".")
	n, err := strconv.Atoi(place)
	tried, err2 := strconv.Atoi(attempt)
	if err != nil || err2 != nil || !r.PastReturn() || mark == r.Mark() { // whoever saw it as it stands was told what an abort means
		return false
	}
	for i, s := range r.Steps {
		at := r.At(i).N
		if s.Irreversible && s.mayHold() && (at < n || at == n && (s.Touched || tried >= r.attempts(i))) {
			return false // it was behind, or at work, at the mark
		}
	}
	return true
}

// halts: the verb only keeps steps from beginning, so it counts wherever the run has come to meanwhile.
func (v Verb) halts() bool { return v == VerbPause || v == VerbStop || v == VerbAbort }

// steersman says whether the person may. To skip takes a role that the step names, to accept a grown figure one more
// approver; whose task it is may say that it is done; everything else is for those who may approve.
func (t *turn) steersman(r *Run, p *Proposal, c Steer) (Answer, bool) {
	if c.Verb == VerbSkip {
		roles := r.SkipBy()
		if c.By.Known() && slices.ContainsFunc(roles, c.By.Person.Has) {
			return Answer{}, true
		}
		return answer(CodeNotAllowed, "%s may not skip %s; it needs %s", c.By, r.whole(r.Current()), oneOfRoles(roles)), false
	}
	if i, owed := r.owed(); owed && c.Verb == VerbDone && r.Steps[i].Duty.Of(c.By) {
		return Answer{}, true // without a voice in the rest of the run
	}
	if c.Verb == VerbAccept {
		return t.acceptor(r, p, c)
	}
	pol := p.Policy
	pol.RequesterMayApprove = true // whoever asked may carry on what others approved
	if ok, why := pol.Eligible(c.By, p.Requester); !ok {
		return answer(CodeNotAllowed, "%s", strings.Replace(why, "decide here", "steer this run", 1)), false
	}
	return Answer{}, true
}

func verbList() string {
	var out []string
	for _, v := range Verbs() {
		out = append(out, string(v))
	}
	return strings.Join(out, ", ")
}
