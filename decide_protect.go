package pointsman

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Protective is what a person does to what may run.
type Protective string

// The words. Locking and unlocking speak of one target, freezing and unfreezing of everything.
const (
	Lockout  Protective = "lock"
	Unlock   Protective = "unlock"
	Freeze   Protective = "freeze"
	Unfreeze Protective = "unfreeze"
)

// Protect holds a target, or everything, against runs, or ends that. It belongs to no incident.
type Protect struct {
	Verb   Protective
	Target Target        // of lock and unlock
	For    time.Duration // how long a lock or a freeze lasts; zero until somebody ends it
	Reason string
	Token  int64    // of unlock: the token that the person was given; zero where none was
	Roles  []string // who may, as configured; an empty list means nobody
	By     Actor
	Once   string
}

// Subject implements Command.
func (c Protect) Subject() Subject {
	return Subject{Apart: true, Target: c.Target.Key(), Protect: true, Once: c.Once}
}

// about is what the command speaks of, in words.
func (c Protect) about() string {
	return orEverything(c.Target.Key())
}

// protect carries out a person's word on what may run.
func (t *turn) protect(c Protect) Answer {
	p := t.protection(c.Target.Key())
	if ans, ok := t.mayProtect(p, c); !ok {
		t.apart(EvProtectRefused, c, fmt.Sprintf("%s of %s by %s does not count: %s", c.Verb, c.about(), c.By, ans.Text))
		ans.ID = p.Target
		return ans
	}
	switch c.Verb {
	case Unlock, Unfreeze:
		return t.endHold(p, c)
	}
	p.Token++
	p.Hold = Hold{By: c.By, Reason: strings.TrimSpace(c.Reason), Since: t.now, Token: p.Token}
	if c.For > 0 {
		p.Hold.Until = t.now.Add(c.For).Truncate(time.Microsecond)
	}
	ev := EvTargetLocked
	if c.Verb == Freeze {
		ev = EvFreezeOn
	}
	t.apart(ev, c, p.Sentence(), with(*p))
	return Answer{Code: CodeAccepted, Text: fmt.Sprintf("%s; its fencing token is %d", p.Sentence(), p.Token), ID: p.Target}
}

func (t *turn) endHold(p *Protection, c Protect) Answer {
	if !p.Hold.Lasts(t.now) {
		return Answer{Code: CodeDuplicate, Text: fmt.Sprintf("%s is not %s; there was nothing to end", c.about(), c.Verb.state()), ID: p.Target}
	}
	was, since := p.Hold, Span(t.now.Sub(p.Hold.Since))
	p.Hold = Hold{}
	ev, done := EvTargetUnlocked, "unlocked"
	if c.Verb == Unfreeze {
		ev, done = EvFreezeOff, "unfrozen"
	}
	text := fmt.Sprintf("%s is %s by %s after %s%s", c.about(), done, c.By, since, because(c.Reason))
	if was.By.Person.ID != c.By.Person.ID {
		text += fmt.Sprintf("; %s had held it%s", was.By, because(was.Reason))
	}
	t.apart(ev, c, text, with(was))
	return Answer{Code: CodeAccepted, Text: text, ID: p.Target}
}

// state is how something is while the verb's opposite is in force.
func (v Protective) state() string {
	if v == Freeze || v == Unfreeze {
		return "frozen"
	}
	return "locked"
}

// mayProtect says whether the word counts, and why not in one sentence.
func (t *turn) mayProtect(p *Protection, c Protect) (Answer, bool) {
	own := p.Hold.Lasts(t.now) && c.By.Known() && p.Hold.By.Person.ID == c.By.Person.ID
	ends := c.Verb == Unlock || c.Verb == Unfreeze
	lock := c.Verb == Lockout || c.Verb == Unlock
	switch {
	case !ends && c.Verb != Lockout && c.Verb != Freeze:
		return answer(CodeInvalid, "%q is none of lock, unlock, freeze and unfreeze", c.Verb), false
	case lock != (c.Target.Key() != ""):
		return answer(CodeInvalid, "lock and unlock name a target, freeze and unfreeze none"), false
	case !c.By.Known():
		return answer(CodeNotAllowed, "%s is not a person of the configuration; an operator can add the account under people", c.By), false
	case (!ends || !own) && !slices.ContainsFunc(c.Roles, c.By.Person.Has):
		return t.mayNot(c), false
	case c.Token > 0 && c.Token < p.Token:
		return answer(CodeConflict, "your lock of %s had fencing token %d, the target is at %d: somebody else held it since", c.about(), c.Token, p.Token), false
	case ends && (own || !p.Hold.Lasts(t.now)):
		return Answer{}, true
	case strings.TrimSpace(c.Reason) == "":
		return answer(CodeInvalid, "%s needs a reason; it is what others read when they are refused", c.Verb), false
	case ends:
		return Answer{}, true
	case c.For < 0:
		return answer(CodeInvalid, "a %s cannot last %s; leave the time out, or write 2h", c.Verb, Span(c.For)), false
	case p.Hold.Lasts(t.now) && !own:
		return answer(CodeLocked, "%s (%s)", p.Sentence(), p.Clears()), false
	}
	if l, held := t.holder(c.Target.Key()); held && lock {
		return answer(CodeLocked, "%s", l.Sentence()), false
	}
	return Answer{}, true
}

// holder is the open run that holds the target.
func (t *turn) holder(key string) (Lock, bool) {
	for _, l := range t.state.Locks {
		if l.Target == key {
			return l, true
		}
	}
	for _, r := range t.state.Runs {
		if r.Holds && !r.State.Terminal() && r.Target.Key() == key {
			return r.lock(), true
		}
	}
	return Lock{}, false
}

func (t *turn) mayNot(c Protect) Answer {
	setting := "guards.lock.roles"
	if c.Verb == Freeze || c.Verb == Unfreeze {
		setting = "guards.freeze.roles"
	}
	if len(c.Roles) == 0 {
		return answer(CodeNotAllowed, "nobody may %s, because %s names no role", c.Verb, setting)
	}
	return answer(CodeNotAllowed, "%s may not %s %s; it needs %s (%s)", c.By, c.Verb, c.about(), oneOfRoles(c.Roles), setting)
}

// apart says something that belongs to no incident.
func (t *turn) apart(typ EventType, c Protect, text string, edit ...func(*Event)) {
	edit = append(edit, reason(c.Reason), func(ev *Event) { ev.Incident, ev.Target = "", c.Target.Key() })
	t.say(typ, c.By, text, edit...)
}
