package pointsman

import "fmt"

// together makes what lies before the point of no return two members of a group, which has a time of its own. One person
// approves, so that the search comes further into the run.
func together(p *Plan) {
	p.Policy.Require = []Requirement{{Count: 1, Role: "dba"}}
	for i := range p.Steps[:2] {
		p.Steps[i].Group, p.Steps[i].SkipBy, p.Steps[i].Ungraceful = Group{Name: "both", Timeout: 2 * unit}, []string{"intern"}, nil
	}
}

// members are the commands about the members of a group that are at work beside the first one.
func members(r Run, add func(Command, string, ...any)) {
	for _, i := range r.AtWork() {
		if i == r.Current() {
			continue
		}
		at := r.At(i)
		for _, state := range []StepState{StepDone, StepRefused, StepFailed, StepUnknown} {
			add(EndStep{Run: r.ID, Epoch: r.Epoch, Step: i, State: state}, "%s: step %s %s", r.ID, at, state)
		}
		add(NoteMemo{Run: r.ID, Epoch: r.Epoch, Step: i, Memo: []byte(`{}`)}, "%s: memo of step %s", r.ID, at)
		if n := r.Steps[i].Attempt; n < 3 {
			add(RetryStep{Run: r.ID, Epoch: r.Epoch, Step: i, Attempt: n}, "%s: step %s again", r.ID, at)
			add(RetryStep{Run: r.ID, Epoch: r.Epoch, Step: i, Attempt: n, Unsent: true}, "%s: step %s was never sent, again", r.ID, at)
		}
	}
}

func attempts(r Run, i int) int {
	n := 0
	for from, to := r.Members(i); from < to; from++ {
		n += r.Steps[from].Attempt
	}
	return n
}

// row is the index of the step of which the event tells.
func row(r Run, ev Event) int {
	for i, at := range Places(r.Steps) {
		if at == (Place{N: ev.StepN, Member: ev.Member}) {
			return i
		}
	}
	return -1
}

// ofGroup is the name of the group of whose member the event tells that it begins, and whether the group was at work before.
func ofGroup(r Run, ev Event) (name string, atWork bool) {
	i := row(r, ev)
	if ev.Type != EvStepStarted || i < 0 || r.Steps[i].Group.Name == "" {
		return "", false
	}
	return r.Steps[i].Group.Name, len(r.AtWork()) > 0 && r.At(r.Current()).N == ev.StepN
}

// membersInOrder: none begins beside one that ended badly, after the group's time, or beyond AtOnce, and none is repeated that
// is done.
func membersInOrder(m move) error {
	for _, ev := range m.events {
		before, _ := m.before.Run(ev.Run)
		after, _ := m.after.Run(ev.Run)
		name, _ := ofGroup(after, ev)
		if name == "" {
			continue
		}
		open := 0
		for _, s := range after.Steps {
			if s.Group.Name != name {
				continue
			}
			if s.State == StepStarted || s.State == StepUnknown {
				open++
			}
			if s.State == StepRefused || s.State == StepFailed || s.State == StepUnknown && !s.EndedAt.IsZero() {
				return fmt.Errorf("step %d.%d of %s began although %s is %s", ev.StepN, ev.Member, ev.Run, s.Name, s.State)
			}
		}
		if open > AtOnce {
			return fmt.Errorf("%d members of %s are at work", open, name)
		}
		if s := before.Steps[row(before, ev)].State; s == StepDone || s == StepSkipped {
			return fmt.Errorf("step %d.%d of %s was %s and began again", ev.StepN, ev.Member, ev.Run, s)
		}
		if !after.GroupUntil.IsZero() && !m.now.Before(after.GroupUntil) {
			return fmt.Errorf("step %d.%d of %s began after the group's time", ev.StepN, ev.Member, ev.Run)
		}
	}
	return nil
}
