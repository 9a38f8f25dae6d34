package bot

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

// View is everything that a card shows, decided: no clients, no clock, nothing escaped yet. Card turns it into blocks.
type View struct {
	ID       string
	Icon     string
	Name     string // of the alert, or what a person asked for
	Target   string
	Severity string
	Where    string // environment
	Summary  string // the alert's own words
	OpenedBy string // a person, where no alert opened it
	Standing string // one phrase: what it waits for; also the text of the notification

	State     pointsman.IncidentState
	Since     time.Time // since when it fires, as the alert says
	Resolved  time.Time
	Firing    int
	Also      []string // other alerts that fire now: "APIDown", "ReplicationLag ×3"
	Total     int
	Truncated int
	Cut       bool
	Reopened  int
	Page      pointsman.PageState
	Paging    pointsman.Paging
	Times     []string // "waiting for approval 1m 2s"

	Held      []HeldView     // what keeps runs away: alarms, its own first, locks of people and a freeze
	Proposals []ProposalView // the first one in full
	Closable  bool           // a person may close it: no run is open
	Drill     bool           // an exercise, and nothing fires
	Quiet     bool           // without buttons, for a private answer
}

// HeldView is one thing that keeps runs away, and what ends it.
type HeldView struct{ Icon, Text, Ends string }

// ProposalView is one runbook on the card.
type ProposalView struct {
	ID, Title, Runbook string
	Target             string // with its environment, for the dialog
	Mode               pointsman.Mode
	Apart              string // the target where it is not the incident's own, which stands in the header

	State      pointsman.ProposalState
	Why        string
	Facts      []pointsman.Fact
	Checked    time.Time
	Steps      []StepView
	Bounds     []string // what is expected to be lost at most
	Risks      []string // what one more approver accepts, with the figure
	Digest     string   // 12 digits
	Generation int
	Pins       string
	RTO        time.Duration

	Votes    string // "1 of 2"
	Voters   []string
	Needs    string
	Eligible []string
	TooFew   bool // fewer people may approve than are needed
	Expires  time.Time

	Already   string
	Problem   string
	Changed   []string
	DecidedBy string
	DecidedAt time.Time
	Reason    string
	Run       *RunView
}

// StepView is one step, before or during its execution.
type StepView struct {
	At           pointsman.Place
	Group        string // whose member it is; empty for a step that stands alone
	Text         string
	Irreversible bool
	State        pointsman.StepState
	Attempt      int
	Note         string
	Started      time.Time
	Took         time.Duration
}

// RunView is the execution of an approved proposal.
type RunView struct {
	ID, Mark string
	State    pointsman.RunState
	Note     string
	Step     string // the step at work, named
	Kind     string // and of what kind it is
	Manual   string // what a person has to do
	Duty     pointsman.Duty
	Gate     *GateView // the gate at which it waits
	Question *QuestionView
	Digest   string // 12 digits, for a vote at the gate
	Started  time.Time
	Wake     time.Time
	Took     time.Duration
	Past     bool             // the point of no return is behind
	Verbs    []pointsman.Verb // the decisions that it takes
	Trying   string           // why the step at work is tried again
	HeldUndo bool             // it stands on its way back, and a person may let that go on
	Wish     string           // a decision that waits for the end of the step at work
	Left     []pointsman.Left // what an aborted run leaves to a person
	Facts    []pointsman.Fact
}

// QuestionView is what a parked run asks of one more approver, or asked until its time was over.
type QuestionView struct {
	Text    string // what is more than was approved, with the figures
	Figures string // the same in short, for the button
	Digest  string // 12 digits
	Until   time.Time
	Over    bool
}

// GateView is an approval in the middle of a run.
type GateView struct {
	Text   string // what to look at before deciding
	Needs  string
	Votes  string // "1 of 2"
	Voters []string
	Until  time.Time
}

// ViewOf decides what the card of the incident shows at now.
func ViewOf(s pointsman.State, now time.Time) View {
	inc := s.Incident
	v := View{
		ID: inc.ID, Severity: inc.Severity, Target: inc.Target.Key(), Where: inc.Target.Environment, State: inc.State,
		Since: inc.Since(), Resolved: inc.ResolvedAt, Firing: inc.Firing, Total: inc.Total, Truncated: inc.Truncated, Cut: inc.Cut,
		Drill: s.Drill(), Reopened: inc.Reopened, Page: inc.Page, Times: durations(inc),
	}
	v.Name = inc.Title
	if head := headline(s); head.Status != "" {
		v.Name, v.Summary = head.Name(), summary(head, inc.Title)
		if !inc.First.StartsAt.IsZero() && inc.Reopened == 0 {
			v.Since = inc.First.StartsAt
		}
	} else {
		v.OpenedBy = inc.OpenedBy.String()
	}
	v.Also = alsoFiring(s)
	if inc.State == pointsman.IncidentOpen {
		v.Held = heldViews(s.Told(), inc.ID, now)
	}
	for _, p := range s.Shown() {
		if p.State == pointsman.ProposalReady && !now.Before(p.ExpiresAt) {
			p.State = pointsman.ProposalExpired // the clock has not come by yet, and a live button would be a lie
		}
		v.Proposals = append(v.Proposals, proposalView(s, p, now))
	}
	_, running := s.OpenRun()
	v.Closable = inc.State == pointsman.IncidentOpen && !running // also while alerts fire: the report of their end may never come
	v.Icon, v.Standing = standing(v)
	return v
}

// headline is the alert by which the card is called: the one that began the outage, or once that is over the eldest of those
// that still fire.
func headline(s pointsman.State) pointsman.Alert {
	head := s.Incident.First
	if head.Status == "" {
		return head // a person opened it, and no alert joined
	}
	var eldest pointsman.Alert
	for _, a := range s.Alerts {
		switch {
		case a.Status != pointsman.AlertFiring:
		case a.Fingerprint == head.Fingerprint:
			return head
		case eldest.Status == "" || a.StartsAt.Before(eldest.StartsAt):
			eldest = a
		}
	}
	if eldest.Status == "" {
		return head
	}
	return eldest
}

// alsoFiring names the other alerts of the same outage, each once.
func alsoFiring(s pointsman.State) []string {
	count := map[string]int{}
	for _, a := range s.Alerts {
		if a.Status == pointsman.AlertFiring {
			count[a.Name()]++
		}
	}
	if head := headline(s).Name(); count[head] > 0 {
		count[head]-- // it is in the header
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(count)) {
		switch n := count[name]; {
		case n > 1:
			out = append(out, fmt.Sprintf("%s ×%d", name, n))
		case n == 1:
			out = append(out, name)
		}
	}
	return out
}

// summary is what the alert says of itself; the incident's title where it says nothing else.
func summary(a pointsman.Alert, title string) string {
	said := a.Annotations
	if s := cmp.Or(said["summary"], said["description"], said["message"]); s != "" {
		return s
	}
	if strings.HasPrefix(title, a.Name()) && title != a.Name() {
		return title
	}
	return ""
}

// durations split the time by who was waited for.
func durations(inc pointsman.Incident) []string {
	m := inc.Marks
	var out []string
	span := func(what string, from, to time.Time) {
		if !from.IsZero() && !to.IsZero() && !to.Before(from) {
			out = append(out, what+" "+pointsman.Span(to.Sub(from)))
		}
	}
	span("alert to proposal", m.Alerted, m.Proposed)
	span("waiting for approval", m.Proposed, m.Approved)
	span("approval to first step", m.Approved, m.Started)
	span("first step to verified end", m.Started, m.Ended)
	return out
}

var severityIcons = map[string]string{
	"critical": "🔴", "page": "🔴", "error": "🟠", "high": "🟠", "warning": "🟡", "medium": "🟡", "low": "🔵", "info": "🔵", "none": "🔵",
}

// standing says in one phrase what the incident waits for, and with which icon.
func standing(v View) (icon, text string) {
	icon = "🔔"
	if v.Severity != "" {
		icon = cmp.Or(severityIcons[v.Severity], "🔴") // a word that is not known counts as the worst
	}
	if v.State == pointsman.IncidentResolved {
		return "✅", "resolved"
	}
	if len(v.Proposals) == 0 {
		return icon, "no runbook answers it; a person must decide"
	}
	p := v.Proposals[0]
	if r := p.Run; r != nil && p.State == pointsman.ProposalApproved {
		return icon, runStanding(p, *r)
	}
	switch p.State {
	case pointsman.ProposalChecking:
		return icon, "checking " + p.Title
	case pointsman.ProposalReady:
		if p.Already != "" {
			return icon, p.Title + " has nothing to do: " + p.Already
		}
		return icon, p.Title + " waits for approval, " + p.Votes
	case pointsman.ProposalRefused:
		return icon, p.Title + " is refused; a person must decide"
	case pointsman.ProposalExpired:
		return icon, p.Title + " expired with " + p.Votes + "; it can be asked again"
	}
	return icon, p.Title + " is " + string(p.State)
}

func runStanding(p ProposalView, r RunView) string {
	switch r.State {
	case pointsman.RunParked:
		return p.Title + " is parked and needs a person"
	case pointsman.RunPaused:
		return p.Title + " is paused before " + r.Step
	case pointsman.RunUndoing:
		return p.Title + " is aborted and being undone"
	case pointsman.RunWaiting:
		if r.Gate != nil {
			return p.Title + " waits for approval at " + r.Step + ", " + r.Gate.Votes
		}
		if r.Manual != "" {
			return p.Title + " waits for " + cmp.Or(r.Duty.By(), "a person") + ": " + r.Step
		}
		return p.Title + " waits at " + r.Step
	case pointsman.RunDone:
		return p.Title + " is done and verified"
	case pointsman.RunRunning:
		return p.Title + " is running: " + r.Step
	}
	return p.Title + " is " + string(r.State)
}
