package pointsman

// TellSwitch says that a kill switch counts as something else than before: by our own hand, by somebody else's, or because it
// cannot be read. It changes nothing.
type TellSwitch struct {
	Switch string
	State  string // what it counts as now, for whoever draws it
	Text   string
	By     Actor  // the process that saw it
	Once   string // several replicas see one change of the row, and one of them tells it
}

// Subject implements Command.
func (c TellSwitch) Subject() Subject { return Subject{Apart: true, Target: c.target(), Once: c.Once} }

func (c TellSwitch) target() string { return "killswitch/" + c.Switch }

func (t *turn) tellSwitch(c TellSwitch) Answer {
	t.say(EvSwitchChanged, c.By, c.Text, with(map[string]string{"state": c.State}), func(ev *Event) { ev.Incident, ev.Target = "", c.target() })
	return Answer{Code: CodeAccepted, Text: "told", ID: c.target()}
}
