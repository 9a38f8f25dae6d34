package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/store"
	"github.com/pointsman/pointsman/store/audit"
)

// judge reads the whole log and where everything came to rest, and counts by its own rules, not by the reducer's.
func (w *world) judge(ctx context.Context, t *testing.T) {
	t.Helper()
	var err error
	if w.events, err = w.store.Events(ctx, "", 0, 100_000); err != nil {
		t.Fatal(err)
	}
	incidents, err := w.store.Incidents(ctx, false, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, inc := range incidents {
		st, err := w.store.State(ctx, inc.ID)
		if err != nil {
			t.Fatal(err)
		}
		w.states = append(w.states, st)
	}
	j := &ruling{
		world: w, votes: map[string]map[string]string{}, first: map[string]time.Time{}, queued: map[string]time.Time{}, ended: map[string]bool{}, told: map[string]bool{},
		denied: map[string]bool{}, holder: map[string]string{}, attempts: map[string]int{}, answered: map[string]pointsman.EventType{}, epochs: map[string]int64{},
		holds: map[string]pointsman.Hold{}, open: map[string]string{}, updates: map[string]int{}, fired: map[firing]bool{}, unpaged: map[string]time.Time{}, word: map[string]bool{}, unsent: map[string]int{}, since: map[string]time.Time{}, truths: map[string]pointsman.Truth{},
		begun: map[string]time.Time{}, busy: map[string]map[int]bool{}, bad: map[string]bool{}, halting: map[string]bool{}, granted: map[string]float64{}, alarmed: map[string]bool{},
	}
	for i, ev := range w.events {
		if ev.Seq != int64(i+1) {
			w.violated("I8: entry %d of the log has number %d", i+1, ev.Seq)
		}
		j.approvals(ev.Event)
		j.alarms(ev.Event)
		j.runs(ev.Event)
		j.conditions(ev.Event)
		j.steps(ev.Event)
		j.groups(ev.Event)
		j.rest(ev.Event)
		j.halts(ev.Event)
		j.grants(ev.Event)
		j.protections(ev.Event)
		j.incidents(ev.Event)
		j.webhooks(ev.Event)
		j.pages(ev.Event)
	}
	j.limited()
	j.atTheEnd()
	if s, ok := w.store.(*store.Store); ok {
		w.timely(s)
		w.intact(ctx, t, s)
	}
}

// timely: T1. Time in the log never runs back, and the clock that counts went as fast as the world's, however often the
// wall clock was set; so what the other rules measure by the log's times, such as expiries, is what really passed.
func (w *world) timely(s *store.Store) {
	for i := range w.events[:max(len(w.events)-1, 0)] {
		if a, b := w.events[i], w.events[i+1]; b.At.Before(a.At) {
			w.violated("T1: entry %d is of %s, after one of %s", b.Seq, b.At, a.At)
		}
	}
	if off := time.Until(s.Now()); (off - w.off).Abs() > time.Millisecond {
		w.violated("T1: the clock was %s off at the start and is %s off at the end", w.off, off)
	}
}

// intact: I8 and I9, by package audit's own walk over what is stored.
func (w *world) intact(ctx context.Context, t *testing.T, s *store.Store) {
	t.Helper()
	secret, _, err := audit.NewKey("sim")
	if err != nil {
		t.Fatal(err)
	}
	key, err := audit.ParseKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	note, err := s.Checkpoint(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.events) == 0 {
		return
	}
	report, err := audit.VerifyEntries(s.Entries(ctx, "", uint64(len(w.events))), [][]byte{note}, audit.Trust{Keys: []string{key.Public}})
	if err != nil || report.Verdict != audit.Intact {
		w.violated("I8: the log is %s: %v", report.Verdict, err)
	}
}

// ruling is what the judge has counted so far.
type ruling struct {
	*world
	votes    map[string]map[string]string // proposal -> who approved -> which digest
	first    map[string]time.Time         // proposal -> when the first of its votes was given
	queued   map[string]time.Time         // run -> when its approval was complete
	ended    map[string]bool              // runs
	told     map[string]bool              // runs that are told to halt
	denied   map[string]bool              // proposals
	holder   map[string]string            // target -> the run that has its lock
	attempts map[string]int               // step -> attempts
	answered map[string]pointsman.EventType
	epochs   map[string]int64
	holds    map[string]pointsman.Hold
	alarmed  map[string]bool   // open runs -> nobody let them go on since the last alarm
	open     map[string]string // key -> incident
	updates  map[string]int
	fired    map[firing]bool            // what is on record of it
	unpaged  map[string]time.Time       // run -> when it was parked, until the page for it
	word     map[string]bool            // run -> a person said how it goes on
	unsent   map[string]int             // step -> attempts in a row that sent nothing
	since    map[string]time.Time       // step -> when its newest attempt began
	truths   map[string]pointsman.Truth // step -> what its condition was answered with last
	begun    map[string]time.Time       // run -> when a step began on a person's word
	busy     map[string]map[int]bool    // group -> members at work
	bad      map[string]bool            // groups of which a member ended badly
	halting  map[string]bool            // runs that pause when the step at work has ended
	granted  map[string]float64         // run -> the greatest figure that was accepted in its course
}

func (j *ruling) approvals(ev pointsman.Event) {
	switch ev.Type {
	case pointsman.EvVoteCounted:
		if j.votes[ev.Proposal] == nil {
			j.votes[ev.Proposal], j.first[ev.Proposal] = map[string]string{}, ev.At
		}
		j.votes[ev.Proposal][ev.Actor.Person.ID] = ev.Digest
	case pointsman.EvVotesVoided, pointsman.EvProposalExpired, pointsman.EvRunVoided:
		if ev.StepN > 0 { // at a gate; what was given to the plan stays
			j.leave(ev)
			return
		}
		delete(j.votes, ev.Proposal)
	case pointsman.EvProposalDenied:
		j.denied[ev.Proposal] = true
	case pointsman.EvProposalApproved:
		if j.denied[ev.Proposal] {
			j.violated("I10: %s was denied and then approved", ev.Proposal)
		}
	}
}

// leave takes away what people gave at a gate who may not open it any more.
func (j *ruling) leave(ev pointsman.Event) {
	var gone []pointsman.Vote
	if err := json.Unmarshal(ev.Data, &gone); err != nil || len(gone) == 0 {
		j.violated("%s of %s says whose votes are gone as %q", ev.Type, ev.Run, ev.Data)
	}
	for _, v := range gone {
		delete(j.votes[fmt.Sprint(keyOf(ev), "/", ev.Attempt)], v.Person.ID)
	}
}

// quorum: I1, at the queueing and again at every intent.
func (j *ruling) quorum(ev pointsman.Event) {
	j.count(ev, ev.Proposal, j.cat.runbook.Approval.Needed())
}

// count sees whether enough distinct people who may, and who did not ask, gave their vote for this very plan.
func (j *ruling) count(ev pointsman.Event, poll string, need int) {
	n := 0
	for who, digest := range j.votes[poll] {
		if (who == "ana" || who == "ben" || who == "rob" && !j.asked(ev.Proposal)) && digest == ev.Digest {
			n++
		}
	}
	if n < need {
		j.violated("I1: %s of %s with %d of %d approvals", ev.Type, ev.Run, n, need)
	}
}

// asked says whether a person asked for the proposal; rob is the only one who does.
func (j *ruling) asked(proposal string) bool {
	for _, st := range j.states {
		if p, ok := st.Proposal(proposal); ok {
			return p.Requester.Door != pointsman.DoorAlertmanager
		}
	}
	return true
}

func (j *ruling) runs(ev pointsman.Event) {
	if ev.Run == "" {
		return
	}
	if ev.Epoch < j.epochs[ev.Run] {
		j.violated("I4: %s: %s under epoch %d after %d", ev.Run, ev.Type, ev.Epoch, j.epochs[ev.Run])
	}
	j.epochs[ev.Run] = max(ev.Epoch, j.epochs[ev.Run])
	lasts := j.cat.runbook.Approval.Lasts()
	switch ev.Type {
	case pointsman.EvRunWaiting:
		if ev.Actor.Known() {
			j.word[ev.Run] = true
		}
	case pointsman.EvRunQueued:
		j.quorum(ev)
		j.queued[ev.Run] = ev.At
		if other := j.holder[ev.Target]; other != "" {
			j.violated("I5: %s queued while %s holds %s", ev.Run, other, ev.Target)
		}
		j.holder[ev.Target] = ev.Run
		if age := ev.At.Sub(j.first[ev.Proposal]); age >= lasts {
			j.violated("I1: %s queued with a vote %s old, they last %s", ev.Run, age, lasts)
		}
	case pointsman.EvRunStarted:
		j.quorum(ev)
		if late := ev.At.Sub(j.queued[ev.Run]); late >= lasts {
			j.violated("I1: %s started %s after its approval, which lasts %s", ev.Run, late, lasts)
		}
	case pointsman.EvRunDone, pointsman.EvRunAborted, pointsman.EvRunVoided:
		if j.ended[ev.Run] {
			j.violated("I10: %s ended twice", ev.Run)
		}
		j.ended[ev.Run] = true
		delete(j.holder, ev.Target)
	}
	if j.ended[ev.Run] && (ev.Type == pointsman.EvRunStarted || ev.Type == pointsman.EvRunResumed || ev.Type == pointsman.EvRunTaken) {
		j.violated("I12: %s: %s after its end", ev.Run, ev.Type)
	}
}

func (j *ruling) steps(ev pointsman.Event) {
	key := keyOf(ev)
	gate := fmt.Sprint(key, "/", ev.Attempt)
	switch ev.Type {
	case pointsman.EvGateCounted:
		if j.votes[gate] == nil {
			j.votes[gate] = map[string]string{}
		}
		j.votes[gate][ev.Actor.Person.ID] = ev.Digest
	case pointsman.EvStepStarted:
		j.quorum(ev)
		if j.ended[ev.Run] {
			j.violated("I12: step %d of %s began after its end", ev.StepN, ev.Run)
		}
		if j.holder[ev.Target] != ev.Run {
			j.violated("I5: step %d of %s began while %q holds %s", ev.StepN, ev.Run, j.holder[ev.Target], ev.Target)
		}
		if j.attempts[key]++; j.attempts[key] != ev.Attempt {
			j.violated("I2: %s began as attempt %d after %d", key, ev.Attempt, j.attempts[key]-1)
		}
		if ev.Attempt > 1 && !j.word[ev.Run] && j.begun[ev.Run] != ev.At && !j.seenUndone(key, ev.Text) {
			j.violated("I2: %s began again without a word of a person and without having been seen not to have happened", key)
		}
		j.nothingSent(key, ev)
		if !strings.HasSuffix(ev.Text, "(nothing had been sent)") {
			delete(j.unsent, key)
		}
		if j.word[ev.Run] {
			j.begun[ev.Run] = ev.At // the word is for all members that begin with this one
		}
		delete(j.word, ev.Run)
	case pointsman.EvStepUnsent:
		if j.unsent[key]++; j.unsent[key] >= actions.DefaultTries {
			j.violated("%s is tried again after %d attempts that sent nothing", key, j.unsent[key])
		}
	case pointsman.EvStepDone:
		if ev.Step == "watch" {
			j.watched(ev)
			return
		}
		if ev.Step == "look" {
			s, _ := j.cat.stepOf(ev)
			j.count(ev, gate, s.Approval.Needed())
			return
		}
		if n := j.effects[key]; ev.Step != "settle" && ev.Actor.Door == pointsman.DoorEngine && n != 1 {
			j.violated("unknown is never success: %s is called done and had %d effects", key, n)
		}
		if j.answered[key] == pointsman.EvStepDone {
			j.violated("I2: %s ended twice", key)
		}
		j.answered[key] = ev.Type
	}
}

// seenUndone reports whether the step begins again because it was seen not to have happened, or could not have.
func (j *ruling) seenUndone(key, text string) bool {
	return strings.HasSuffix(text, "(observed not to have happened)") || strings.HasSuffix(text, "nothing was done)") ||
		j.unsent[key] > 0 && strings.HasSuffix(text, "(nothing had been sent)")
}

// nothingSent: an attempt that is said to have been over before it began has asked for no effect. The point of no return
// does not count as passed after it, so what came before would be undone under the effect.
func (j *ruling) nothingSent(key string, ev pointsman.Event) {
	from := j.since[key]
	if j.since[key] = ev.At; !strings.HasSuffix(ev.Text, "(its time was over before it began; nothing was done)") {
		return
	}
	for _, at := range j.struck[key] {
		if !at.Before(from) && at.Before(ev.At) {
			j.violated("%s asked for its effect at %s, in an attempt that is said to have sent nothing", key, at)
		}
	}
}

// protections: I11, and nothing on a target that a person holds.
func (j *ruling) protections(ev pointsman.Event) {
	switch ev.Type {
	case pointsman.EvFreezeOn, pointsman.EvTargetLocked:
		var p pointsman.Protection
		if err := json.Unmarshal(ev.Data, &p); err != nil {
			j.violated("%s cannot be read: %v", ev.Type, err)
		}
		j.holds[ev.Target] = p.Hold
	case pointsman.EvFreezeOff, pointsman.EvTargetUnlocked:
		delete(j.holds, ev.Target)
	case pointsman.EvRunQueued, pointsman.EvRunStarted, pointsman.EvStepStarted:
		for _, key := range []string{pointsman.Everything, ev.Target} {
			if h, held := j.holds[key]; held && (h.Until.IsZero() || ev.At.Before(h.Until)) {
				j.violated("I11: %s of %s while %q is held until %s", ev.Type, ev.Run, key, h.Until)
			}
		}
	}
}

// incidents: I7, and the count of updates.
func (j *ruling) incidents(ev pointsman.Event) {
	key := ""
	for _, st := range j.states {
		if st.Incident.ID == ev.Incident {
			key = st.Incident.Key
		}
	}
	switch ev.Type {
	case pointsman.EvIncidentOpened, pointsman.EvIncidentReopened:
		if other := j.open[key]; other != "" {
			j.violated("I7: %s opened while %s is open for %s", ev.Incident, other, key)
		}
		j.open[key] = ev.Incident
	case pointsman.EvIncidentResolved:
		delete(j.open, key)
	case pointsman.EvIncidentUpdate:
		j.updates[ev.Incident]++
	}
}

// atTheEnd compares what the log says with what is stored.
func (j *ruling) atTheEnd() {
	j.stored()
	j.woken()
	for _, st := range j.states {
		if isOpen := st.Incident.State == pointsman.IncidentOpen; isOpen != (j.open[st.Incident.Key] == st.Incident.ID) {
			j.violated("I8: %s is %s, the log says otherwise", st.Incident.ID, st.Incident.State)
		}
		if n := j.updates[st.Incident.ID]; n != st.Incident.Updates {
			j.violated("I14: %s has %d updates, the log %d", st.Incident.ID, st.Incident.Updates, n)
		}
		for _, r := range st.Runs {
			if !r.State.Terminal() && r.State != pointsman.RunParked && r.State != pointsman.RunPaused {
				j.violated("I13: %s is still %s at step %d: %s", r.ID, r.State, r.Current()+1, r.Note)
			}
			if r.State.Terminal() != j.ended[r.ID] {
				j.violated("I8: %s is %s, the log says otherwise", r.ID, r.State)
			}
		}
		if !slices.IsSortedFunc(st.Runs, func(a, b pointsman.Run) int { return a.QueuedAt.Compare(b.QueuedAt) }) {
			j.violated("the runs of %s are out of order", st.Incident.ID)
		}
	}
	for key, n := range j.effects {
		if n > 0 && j.attempts[key] == 0 {
			j.violated("I2: %s had an effect without an intent", key)
		}
	}
}
