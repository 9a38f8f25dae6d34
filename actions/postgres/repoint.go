package postgres

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres/ini"
	"github.com/pointsman/pointsman/actions/swap"
)

// Repoint is the kind pgbouncer.repoint: it leads the cluster's poolers to another node.
type Repoint struct{ onCluster }

var (
	_ actions.Action    = Repoint{}
	_ actions.Describer = Repoint{}
	_ actions.Undoer    = Repoint{}
)

// RepointArgs are the arguments of pgbouncer.repoint.
type RepointArgs struct {
	Cluster string `json:"cluster"`
	To      string `json:"to"`               // the node that must be the primary by then
	Pooler  string `json:"pooler,omitempty"` // one of them; all by default
	Resume  bool   `json:"resume,omitempty"` // let clients through that a fence or a person made wait
}

// RepointMemo is what Apply leaves for Verify and Undo.
type RepointMemo struct {
	Token string `json:"token,omitempty"` // written through every pooler; empty where one is paused
	Moved []Move `json:"moved"`
}

// Move is one pooler that leads elsewhere now.
type Move struct {
	Pooler string    `json:"pooler"`
	From   ini.Place `json:"from"`
	To     ini.Place `json:"to"`
	Paused bool      `json:"paused,omitempty"` // no write can go through it yet
}

// poolerRow is the heartbeat row of the first pooler; the clients' addresses have those below.
const poolerRow = 100

// Kind implements actions.Action.
func (Repoint) Kind() string { return "pgbouncer.repoint" }

// Describe implements actions.Describer.
func (a Repoint) Describe(in actions.Input) (string, error) {
	args, err := a.args(in)
	if err != nil {
		return "", err
	}
	what := "every pooler"
	if args.Pooler != "" {
		what = "the pooler " + args.Pooler
	}
	return fmt.Sprintf("lead %s of %s to %s", what, args.Cluster, args.To), nil
}

func (Repoint) args(in actions.Input) (RepointArgs, error) {
	var args RepointArgs
	if err := in.Args(&args); err != nil {
		return args, err
	}
	return args, actions.Required("cluster", args.Cluster, "to", args.To)
}

// journey is what one call of a verb works on.
type journey struct {
	args    RepointArgs
	cluster Cluster
	poolers []Pooler
	to      ini.Place
	pins    map[string]string
}

func (a Repoint) journey(in actions.Input) (journey, error) {
	j := journey{pins: in.Pins}
	var err error
	if j.args, err = a.args(in); err != nil {
		return j, err
	}
	if j.cluster, err = a.c.find(in, j.args.Cluster); err != nil {
		return j, err
	}
	if err := j.cluster.has(j.args.To); err != nil {
		return j, err
	}
	if j.poolers, err = j.cluster.pooler(j.args.Pooler); err != nil {
		return j, err
	}
	n, _ := j.cluster.node(j.args.To)
	j.to, err = n.place()
	return j, err
}

// Check implements actions.Action.
func (a Repoint) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	j, err := a.journey(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	views := j.look(ctx)
	ev := judgeRepoint(j, views)
	// That files and poolers lead there proves no write. A retry and a successor lead them once more, which does no harm, and write.
	if in.Phase != actions.Propose {
		ev.Already, ev.AlreadyBy = false, ""
	}
	ev.Facts = append(ev.Facts, j.resumable(views, in)...)
	if in.Promises("postgres.promote") {
		ev.Facts = append(ev.Facts, pointsman.Fact{
			Guard: "G18", Kind: pointsman.Hard, Name: "endpoint " + j.args.To, Value: "not due yet", Limit: Writable.Words(), Source: j.args.To,
			At: time.Now(), Result: pointsman.Later, BeforeN: in.StepN,
			Text: fmt.Sprintf("that %s takes writes will be checked in step %d", j.args.To, in.StepN),
		})
		return ev, nil
	}
	primary := isPrimary(a.c.readNode(ctx, j.cluster, j.args.To))
	ev.Facts = append(ev.Facts, primary)
	if primary.Result != pointsman.Pass {
		ev.Already, ev.AlreadyBy = false, ""
	}
	return ev, nil
}

// isPrimary: clients are led to a server that takes their writes, or they are not led at all.
func isPrimary(r Reading) pointsman.Fact {
	f := pointsman.Fact{
		Guard: "G18", Kind: pointsman.Hard, Name: "endpoint " + r.Node, Value: r.State.Words(), Limit: Writable.Words(), Source: r.Node, At: r.At,
		Result: pointsman.Pass,
	}
	if r.State != Writable {
		f.Result = pointsman.Fail
		f.Text = fmt.Sprintf("%s %s%s: clients would be led to a server that does not take their writes", r.Node, r.State.Words(), detail(r.Detail))
		f.Clears = "promote " + r.Node + " first"
	}
	return f
}

// Apply implements actions.Action. Nothing is begun unless every pooler is as the plan expects it. What is going to be written is
// stored first: whoever takes over in the middle must know whether it arrived, not only where the poolers lead.
func (a Repoint) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	j, err := a.journey(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	seen := j.look(ctx)
	r := a.c.readNode(ctx, j.cluster, j.args.To)
	facts := append(judgeRepoint(j, seen).Facts, isPrimary(r))
	if no := pointsman.Refusals(facts); len(no) > 0 {
		return actions.Outcome{}, &actions.RefusedError{Facts: no}
	}
	memo := RepointMemo{Token: rand.Text()}
	for i, p := range j.poolers {
		memo.Moved = append(memo.Moved, Move{Pooler: p.Name, From: j.expected(p, seen[i]), To: j.to, Paused: seen[i].running.Paused && !j.args.Resume})
	}
	raw, err := json.Marshal(memo)
	if err == nil && in.Remember != nil {
		err = in.Remember(raw, "leads poolers to "+j.args.To)
	}
	if err != nil {
		return actions.Outcome{}, actions.Refuse("what would be written could not be stored, so no pooler was led elsewhere: %v", err)
	}
	var faults []error
	for i, p := range j.poolers {
		err := seen[i].move(ctx, j)
		if err == nil && j.args.Resume {
			_, err = p.resume(ctx, j.cluster) // only once it leads to the new primary
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("lead %s to %s: %w", p.Name, j.args.To, err))
		}
	}
	if len(faults) == 0 {
		faults = append(faults, j.write(ctx, memo, r)...)
	}
	return actions.Outcome{Memo: raw, Note: memo.note(j.args.To)}, errors.Join(faults...)
}

func (m RepointMemo) note(to string) string {
	var parts []string
	for _, v := range m.Moved {
		part := fmt.Sprintf("%s leads to %s (%s, before %s)", v.Pooler, to, v.To, v.From)
		if v.Paused {
			part += ", paused"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

// write proves the way with a write through every pooler that is not paused.
func (j journey) write(ctx context.Context, memo RepointMemo, primary Reading) []error {
	ctx, cancel := context.WithTimeout(ctx, budget(ctx, writeLimit))
	defer cancel()
	var faults []error
	for i, p := range j.poolers {
		if memo.Moved[i].Paused {
			continue
		}
		if err := j.endpoint(p).write(ctx, j.cluster, memo.Token, primary); err != nil {
			faults = append(faults, err)
		}
	}
	return faults
}

func (j journey) endpoint(p Pooler) endpoint {
	row := slices.IndexFunc(j.cluster.Poolers, func(q Pooler) bool { return q.Name == p.Name })
	return endpoint{Address: p.Clients, name: "pooler " + p.Name, row: poolerRow + row}
}

// move swaps the entry in the file, where that is not done yet, and lets the pooler read it.
func (v poolerView) move(ctx context.Context, j journey) error {
	if v.file != j.to {
		fresh, err := ini.Set(string(v.text), v.pooler.entry(j.cluster), j.to)
		if err != nil {
			return err
		}
		if err := actions.InTime(ctx); err != nil {
			return err
		}
		if err := swap.File(v.pooler.Ini, v.text, []byte(fresh)); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, budget(ctx, j.cluster.ReadTimeout))
	defer cancel()
	return v.pooler.command(ctx, "RELOAD")
}

// Verify implements actions.Action: file and running pooler lead to the node, and what was written through the pooler is
// read back through it, from that node. Where the step resumes, nobody waits any more.
func (a Repoint) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	j, err := a.journey(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	var memo RepointMemo
	if len(in.Memo) > 0 {
		if err := json.Unmarshal(in.Memo, &memo); err != nil {
			return pointsman.Evidence{}, fmt.Errorf("memo of the poolers: %w", err)
		}
	}
	r := a.c.readNode(ctx, j.cluster, j.args.To)
	s := Situation{Cluster: j.cluster, Readings: []Reading{r}, At: r.At}
	ev := pointsman.Evidence{Facts: []pointsman.Fact{isPrimary(r)}}
	for _, v := range j.look(ctx) {
		ev.Facts = append(ev.Facts, v.arrived(j.to))
		if v.running.Paused {
			if j.args.Resume {
				ev.Facts = append(ev.Facts, j.waiting(v))
			}
			continue // clients wait in it; a write would wait with them
		}
		e := j.endpoint(v.pooler)
		visitCtx, cancel := context.WithTimeout(ctx, budget(ctx, j.cluster.ReadTimeout))
		got, err := e.visit(visitCtx, j.cluster.HeartbeatTable, "")
		cancel()
		token := memo.Token
		i := slices.IndexFunc(memo.Moved, func(m Move) bool { return m.Pooler == v.pooler.Name })
		if i < 0 || memo.Moved[i].Paused {
			token = got.Token // nothing was written through it; where it leads to is still compared
		}
		f := s.arrived(e.name, j.args.To, token, got, err)
		if i < 0 && f.Result == pointsman.Pass { // it could take a write, and whoever began the step died before one was on record
			f.Result, f.Value, f.Text = pointsman.Unknown, "none", fmt.Sprintf("no write through %s is recorded, so none can be read back", e.name)
			f.Clears = "retry the step, which writes"
		}
		ev.Facts = append(ev.Facts, f)
	}
	ev.Holds = len(pointsman.Refusals(ev.Facts)) == 0
	return ev, nil
}
