package patroni

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// memo is what Apply leaves for Verify.
type memo struct {
	Asked     string    `json:"asked"` // "switchover" or "failover"
	Leader    string    `json:"leader,omitempty"`
	Candidate string    `json:"candidate"`
	Timeline  int       `json:"timeline"` // before it
	SystemID  string    `json:"system_id"`
	Via       string    `json:"via,omitempty"` // whose REST API was asked
	At        time.Time `json:"at,omitzero"`
	Status    int       `json:"status,omitempty"` // 0 when no answer came
	Answer    string    `json:"answer,omitempty"`
	Already   bool      `json:"already,omitempty"`
}

func (m memo) outcome(note string) (actions.Outcome, error) {
	raw, err := json.Marshal(m)
	return actions.Outcome{Memo: raw, Note: note}, err
}

// Said is how Patroni's answer is to be taken.
type Said int

// What an answer means. Only the first two end the question.
const (
	SaidYes     Said = iota // 200, to the candidate
	SaidNo                  // refused, and nothing was begun
	SaidFailed              // it was begun, and Patroni says that it failed
	SaidUnclear             // "status unknown", "instead of", no answer, anything else
)

// Meaning takes an answer to POST /switchover or /failover apart. A 503 says "failed" when Patroni saw the request end
// without a new leader, and "status unknown" when it gave up waiting: then it may happen yet. A 200 may name another
// leader than the candidate.
func Meaning(status int, text, candidate string) Said {
	switch {
	case status == 200 && strings.HasPrefix(text, "Successfully") && strings.Contains(text, strconv.Quote(candidate)):
		return SaidYes
	case slices.Contains([]int{400, 401, 403, 404, 405, 409, 412, 501}, status):
		return SaidNo
	case status == 503 && strings.HasPrefix(text, "failed to write"):
		// The request to the DCS failed, as far as Patroni knows; its own answer may have been lost.
		return SaidUnclear
	case status == 503 && strings.HasSuffix(text, " failed"):
		return SaidFailed
	}
	return SaidUnclear
}

// request is one change that is asked of Patroni.
type request struct {
	path string
	body map[string]string
	via  []string // whose REST API is tried, the next one only while nothing was sent
}

// patience bounds the wait for the answer: Patroni looks for the result 2 * max(10, loop_wait) times, once a second, and
// a shorter wait would turn its clear answers into lost ones.
func (s Situation) patience() time.Duration {
	loop := 10
	for _, r := range s.Readings {
		loop = max(loop, r.Settings.LoopWait)
	}
	return time.Duration(2*loop)*time.Second + 10*time.Second
}

// ask sends the request once and completes the memo. The error is nil when Patroni said yes, a RefusedError when it
// said no, a NotSentError when nobody could be asked, and anything else when it may happen yet, or has happened otherwise.
func (s Situation) ask(ctx context.Context, r request, m *memo) error {
	postCtx, cancel := context.WithTimeout(ctx, budget(ctx, s.patience()))
	defer cancel()
	var unreachable []string
	for _, name := range r.via {
		member, _ := s.Cluster.member(name)
		answer, err := s.Cluster.post(postCtx, member, r.path, r.body)
		if err != nil && !answer.Sent {
			unreachable = append(unreachable, fmt.Sprintf("%s: %s", name, oneLine(err.Error())))
			continue
		}
		m.Via, m.Status, m.Answer = name, answer.Status, answer.Text
		if err != nil {
			return fmt.Errorf("%s was asked of %s and the answer was lost: %w", m.Asked, name, err)
		}
		switch Meaning(answer.Status, answer.Text, m.Candidate) {
		case SaidYes:
			return nil
		case SaidNo:
			return actions.Refuse("Patroni refuses (%d from %s): %s", answer.Status, name, answer.Text)
		default:
			return fmt.Errorf("patroni answers %d: %s", answer.Status, answer.Text)
		}
	}
	return actions.NotSent(fmt.Errorf("no member could be asked, so nothing was begun: %s", strings.Join(unreachable, "; ")))
}

// first puts the named members before the others, as the order in which they are asked.
func (c Cluster) first(names ...string) []string {
	out := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "" })
	for _, n := range c.names() {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// wanted joins what the plan fixed with what the step names.
func wanted(in actions.Input, leader, candidate string) wish {
	w := wish{Leader: leader, Candidate: candidate, SystemID: in.Pins[pinSystemID]}
	if w.Candidate == "" {
		w.Candidate = in.Pins[pointsman.PinTo]
	}
	if w.Leader == "" {
		w.Leader = in.Pins[pointsman.PinFrom]
	}
	if n, err := strconv.Atoi(in.Pins[pinTimeline]); err == nil {
		w.Timeline = n
	}
	return w
}

// recall reads the memo. Without one the process died between intent and outcome, and the plan's pins say what was asked.
func recall(in actions.Input, w wish) (memo, bool, error) {
	m := memo{Leader: w.Leader, Candidate: w.Candidate, Timeline: w.Timeline, SystemID: w.SystemID}
	if len(in.Memo) == 0 {
		return m, false, nil
	}
	if err := json.Unmarshal(in.Memo, &m); err != nil {
		return m, false, fmt.Errorf("memo of the request to Patroni: %w", err)
	}
	return m, true, nil
}
