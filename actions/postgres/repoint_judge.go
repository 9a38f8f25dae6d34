package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres/ini"
	"github.com/pointsman/pointsman/actions/swap"
)

// poolerView is how one pooler was found: its file and what it says itself.
type poolerView struct {
	pooler  Pooler
	text    []byte
	file    ini.Place
	fileErr error
	running running
	runErr  error
	at      time.Time
}

// look reads all poolers beside each other.
func (j journey) look(ctx context.Context) []poolerView {
	ctx, cancel := context.WithTimeout(ctx, budget(ctx, j.cluster.ReadTimeout))
	defer cancel()
	out := make([]poolerView, len(j.poolers))
	var wg sync.WaitGroup
	for i, p := range j.poolers {
		wg.Go(func() {
			v := poolerView{pooler: p, at: time.Now()}
			if v.text, v.fileErr = swap.Read(p.Ini); v.fileErr == nil {
				v.file, v.fileErr = ini.Find(string(v.text), p.entry(j.cluster))
			}
			v.running, v.runErr = p.show(ctx, p.entry(j.cluster))
			out[i] = v
		})
	}
	wg.Wait()
	return out
}

// poolerPin names the place that the plan found, in the plan.
func poolerPin(p Pooler) string { return "pooler_" + p.Name }

// expected is where the pooler led to when the plan was made: the old value of the compare-and-set.
func (j journey) expected(p Pooler, v poolerView) ini.Place {
	pinned := j.pins[poolerPin(p)]
	for _, place := range []ini.Place{v.file, v.running.Place, j.to} {
		if pinned == place.String() {
			return place
		}
	}
	if place, ok := unpinned(pinned); ok {
		return place
	}
	return v.file
}

func unpinned(pin string) (ini.Place, bool) {
	i := strings.LastIndexByte(pin, ':')
	if i <= 0 {
		return ini.Place{}, false
	}
	return ini.Place{Host: pin[:i], Port: pin[i+1:]}, true
}

// judgeRepoint is pure: every pooler leads to where the plan found it, or to the new place already.
func judgeRepoint(j journey, views []poolerView) pointsman.Evidence {
	ev := pointsman.Evidence{Pins: map[string]string{}, Already: len(views) > 0, AlreadyBy: "somebody else: every pooler leads to " + j.to.String()}
	if len(views) == 0 {
		ev.Facts = append(ev.Facts, pointsman.Fact{
			Guard: "G18", Kind: pointsman.Hard, Name: "poolers", Value: "none", Limit: "at least 1", Source: "configuration", At: time.Now(), Result: pointsman.Fail,
			Text:   fmt.Sprintf("cluster %s has no pooler configured", j.cluster.Name),
			Clears: "set targets.postgres[].poolers, or use a runbook without this step",
		})
	}
	for _, v := range views {
		f := v.asExpected(j)
		ev.Facts = append(ev.Facts, f)
		if f.Result == pointsman.Pass {
			ev.Pins[poolerPin(v.pooler)] = j.expected(v.pooler, v).String()
		}
		if v.file != j.to || v.running.Place != j.to || v.fileErr != nil || v.runErr != nil || j.args.Resume && v.running.Paused {
			ev.Already = false
		}
	}
	if !ev.Already {
		ev.AlreadyBy = ""
	}
	return ev
}

// asExpected is G18 for one pooler. Of file and running pooler each may be ahead of the other where an earlier attempt
// was interrupted; anything else is somebody else's change, which a RELOAD would bring with ours.
func (v poolerView) asExpected(j journey) pointsman.Fact {
	expected, p := j.expected(v.pooler, v), v.pooler.Name
	f := pointsman.Fact{
		Guard: "G18", Kind: pointsman.Hard, Name: "pooler " + p, Value: "leads to " + v.running.String(), Limit: "leads to " + expected.String(),
		Source: p + ": SHOW DATABASES", At: v.at, Result: pointsman.Pass,
	}
	unknown := func(what string, err error, clears string) pointsman.Fact {
		f.Result, f.Value, f.Clears = pointsman.Unknown, "unknown", clears
		f.Text = fmt.Sprintf("%s of %s cannot be read: %v", what, p, err)
		return f
	}
	switch {
	case v.fileErr != nil:
		return unknown("the configuration file", v.fileErr, "correct ini and database of the pooler in the configuration")
	case v.runErr != nil:
		return unknown("the console", v.runErr, "start "+p+", or let its admin_users in")
	case v.running.Disabled:
		f.Result, f.Value = pointsman.Fail, "disabled"
		f.Text = fmt.Sprintf("%s of %s is disabled: clients could not connect", v.pooler.entry(j.cluster), p)
		f.Clears = "ENABLE it in the console"
		return f
	case v.file != expected && v.file != j.to:
		f.Result, f.Value = pointsman.Fail, "file leads to "+v.file.String()
		f.Text = fmt.Sprintf("the file of %s leads to %s, the plan expects %s: somebody changed it meanwhile", p, v.file, expected)
	case v.running.Place != expected && v.running.Place != j.to:
		f.Result = pointsman.Fail
		f.Text = fmt.Sprintf("%s leads to %s, its file to %s: a RELOAD would bring more than this change", p, v.running, v.file)
	}
	if f.Result == pointsman.Fail {
		f.Clears = "RELOAD it by hand or correct the file, and refresh the checks"
	}
	return f
}

// waiting is a pooler that should let its clients go on and does not.
func (j journey) waiting(v poolerView) pointsman.Fact {
	return pointsman.Fact{
		Guard: "G18", Kind: pointsman.Hard, Name: "clients of " + v.pooler.Name, Value: v.running.words(), Limit: "served",
		Source: v.pooler.Name + ": SHOW DATABASES", At: v.at, Result: pointsman.Fail,
		Text:   fmt.Sprintf("the clients of %s wait: it is %s", v.pooler.Name, v.running.words()),
		Clears: v.running.release(v.pooler.entry(j.cluster)) + " in its console",
	}
}

// resumable are the poolers that the step could not let go on: RESUME of one entry does not end the pause of the whole. Behind the
// approval it keeps no promotion back: whoever pauses a pooler between a fence and the promotion lets clients wait that would fail.
func (j journey) resumable(views []poolerView, in actions.Input) (out []pointsman.Fact) {
	for _, v := range views {
		if !j.args.Resume || !v.running.Whole {
			continue
		}
		f := j.waiting(v)
		f.Text = fmt.Sprintf("somebody has paused %s with all its databases, and this step could resume only %s of them", v.pooler.Name, v.pooler.entry(j.cluster))
		if in.Phase != actions.Propose && in.Promises("postgres.promote") {
			f.Result, f.BeforeN = pointsman.Later, in.StepN
			f.Text += fmt.Sprintf("; that it is not will be checked in step %d", in.StepN)
		}
		out = append(out, f)
	}
	return out
}

// arrived: file and running pooler both lead to the place.
func (v poolerView) arrived(to ini.Place) pointsman.Fact {
	f := pointsman.Fact{
		Guard: "G18", Kind: pointsman.Hard, Name: "pooler " + v.pooler.Name, Value: "leads to " + v.running.String(), Limit: "leads to " + to.String(),
		Source: v.pooler.Name + ": SHOW DATABASES", At: v.at, Result: pointsman.Pass,
	}
	switch {
	case v.fileErr != nil || v.runErr != nil:
		f.Result, f.Value = pointsman.Unknown, "unknown"
		f.Text = fmt.Sprintf("%s cannot be read: %v", v.pooler.Name, errors.Join(v.fileErr, v.runErr))
	case v.running.Place != to || v.file != to:
		f.Result = pointsman.Fail
		f.Text = fmt.Sprintf("%s leads to %s, its file to %s, wanted is %s", v.pooler.Name, v.running, v.file, to)
	}
	return f
}

// Undo implements actions.Undoer: every pooler that was moved leads to where it led before, if a primary is there.
func (a Repoint) Undo(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	j, err := a.journey(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	moved, err := j.moved(in)
	if err != nil {
		return actions.Outcome{}, err
	}
	back := RepointMemo{}
	// Once one is led back, an error is no refusal any more: that would say that nothing was done.
	stuck := func(err error) (actions.Outcome, error) {
		if len(back.Moved) == 0 {
			return actions.Outcome{}, err
		}
		raw, merr := json.Marshal(back)
		return actions.Outcome{Memo: raw}, errors.Join(fmt.Errorf("%s; %s", err.Error(), back.note("where it led before")), merr)
	}
	for _, m := range moved {
		if m.From == m.To {
			continue // it led there when the plan was made
		}
		node, err := a.primaryAt(ctx, j.cluster, m.From)
		if err != nil {
			return stuck(actions.Refuse("%s is not led back: %v", m.Pooler, err))
		}
		step := journey{args: RepointArgs{Cluster: j.args.Cluster, To: node}, cluster: j.cluster, to: m.From, pins: map[string]string{"pooler_" + m.Pooler: m.To.String()}}
		if step.poolers, err = j.cluster.pooler(m.Pooler); err != nil {
			return stuck(&actions.RefusedError{Text: err.Error()})
		}
		views := step.look(ctx)
		if no := pointsman.Refusals(judgeRepoint(step, views).Facts); len(no) > 0 {
			return stuck(&actions.RefusedError{Facts: no})
		}
		if err := views[0].move(ctx, step); err != nil {
			return stuck(fmt.Errorf("lead %s back to %s: %w", m.Pooler, m.From, err))
		}
		back.Moved = append(back.Moved, Move{Pooler: m.Pooler, From: m.To, To: m.From})
	}
	raw, err := json.Marshal(back)
	note := back.note("where it led before")
	if len(back.Moved) == 0 {
		note = "no pooler had been led elsewhere"
	}
	return actions.Outcome{Memo: raw, Note: note}, err
}

// moved are the poolers that the step led elsewhere: as its last attempt left it, or one before where the last found it
// done. A process that died before it could say has left the places that the plan found, and those are where they led.
func (j journey) moved(in actions.Input) ([]Move, error) {
	var memo RepointMemo
	for _, raw := range []json.RawMessage{in.Memo, in.Earlier} {
		if len(raw) == 0 {
			continue
		}
		if err := json.Unmarshal(raw, &memo); err != nil {
			return nil, fmt.Errorf("memo of the poolers: %w", err)
		}
		return memo.Moved, nil
	}
	for _, p := range j.poolers {
		from, ok := unpinned(j.pins[poolerPin(p)])
		if !ok {
			return nil, actions.Refuse("where %s led before is not on record; lead it back by hand", p.Name)
		}
		memo.Moved = append(memo.Moved, Move{Pooler: p.Name, From: from, To: j.to})
	}
	return memo.Moved, nil
}

// primaryAt is the node at the place, which must take writes: clients are not led back to a dead server or a standby.
func (a Repoint) primaryAt(ctx context.Context, cluster Cluster, at ini.Place) (string, error) {
	for _, n := range cluster.Nodes {
		if place, err := n.place(); err != nil || place != at {
			continue
		}
		if r := a.c.readNode(ctx, cluster, n.Name); r.State != Writable {
			return "", fmt.Errorf("%s %s%s", n.Name, r.State.Words(), detail(r.Detail))
		}
		return n.Name, nil
	}
	return "", fmt.Errorf("no node of %s is at %s", cluster.Name, at)
}
