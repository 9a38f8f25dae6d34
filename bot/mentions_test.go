package bot

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
)

// roll is a configuration of people.
type roll []Account

func (r roll) Accounts() []Account { return r }

var staff = roll{{ana, "T0POINTS/U0ANA"}, {ben, "T0POINTS/U0BEN"}, {eve, "T0POINTS/U0EVE"}}

// rung waits for the line in the thread and compares whom Slack notifies of it.
func (w *world) rung(card fakeslack.Card, text string, want ...string) fakeslack.Message {
	w.t.Helper()
	line := card.WaitReply(text).Message
	if got := line.Rings(); !slices.Equal(got, want) {
		w.t.Errorf("%q rings for %q, want %q", line.Text, got, want)
	}
	return line
}

func TestAFirstVoteCallsThoseWhoMayGiveTheSecond(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	card := w.asked(2)
	card.Click("U0ANA", "Approve")
	w.flush()
	line := w.rung(card, "Ana Ruiz approved", "U0BEN")
	if want := "👉 @Ben Okafor: please approve or deny on the card. PostgreSQL failover to the standby needs 1 more approval before "; !strings.Contains(line.Plain(), want) {
		t.Errorf("it does not say %q: %s", want, line.Plain())
	}
	card.Click("U0BEN", "Approve")
	w.flush()
	w.rung(card, "Ben Okafor approved")
}

// Lines wait in a storm; whoever is called to a decision that was made meanwhile stops coming.
func TestALineThatWaitedCallsNobodyToWhatIsDecided(t *testing.T) {
	t.Parallel()
	for why, decide := range map[string]pointsman.Verdict{"approved": pointsman.Approve, "denied": pointsman.Deny} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			card := w.asked(2)
			card.Click("U0ANA", "Approve") // its line is not sent yet
			w.tell(pointsman.CastVote{Proposal: "INC-7/P1", Digest: pointsman.Digest(encoded(t, failover(needs(2)))), Verdict: decide, By: by(ben)})
			w.flush()
			w.rung(card, "Ana Ruiz approved")
		})
	}
	t.Run("resolved", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		card := w.asked(2)
		card.Click("U0ANA", "Approve")
		w.tell(webhook(primaryDown(pointsman.AlertResolved)))
		w.flush()
		w.rung(card, "Ana Ruiz approved")
	})
	t.Run("expired, and the clock has not come by", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		card := w.asked(2)
		card.Click("U0ANA", "Approve")
		w.bot.Sender.now = func() time.Time { return w.now.Add(time.Hour) }
		w.flush()
		w.rung(card, "Ana Ruiz approved")
	})
}

func TestTheFirstRunbookThatIsReadyCallsThoseWhoMayApproveIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	card := w.asked(2)
	w.rung(card, "is ready for approval", "U0ANA", "U0BEN")
	s := begin(t).alert().after(4 * time.Second).switchoverRefused().readyWith(failover())
	first := s.state.Shown()[0].ID
	for _, p := range s.state.Proposals {
		if rings := toDecide(s.state, call{callReady, p.ID}, s.now) != nil; rings != (p.ID == first) {
			t.Errorf("%s is ready, %s is the first on the card: it rings: %v", p.ID, first, rings)
		}
	}
}

func TestATimedUpdateCallsThoseWhoMayDecide(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	card := w.asked(2)
	w.now = w.now.Add(11 * time.Minute)
	w.bot.Sender.now = func() time.Time { return w.now }
	w.tell(pointsman.Tick{Incident: "INC-7"})
	w.flush()
	w.rung(card, "Update 1 on INC-7", "U0ANA", "U0BEN")
	w.tell(pointsman.WriteUpdate{Incident: "INC-7", Text: "we look at it", By: by(eve)})
	w.flush()
	w.rung(card, "we look at it") // whom a person's own words are for, the person says
}

func TestAGatesFirstVoteCallsTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	card := w.gate()
	card.Click("U0ANA", "Approve")
	w.flush()
	w.rung(card, "please approve or deny on the card. PostgreSQL failover to the standby needs 1 more approval at step 2 of 3, look, before ", "U0BEN")
}

func TestWhereNobodyIsPagedThoseWhoMayDecideAreCalled(t *testing.T) {
	t.Parallel()
	lost := pointsman.Event{Type: pointsman.EvDeliveryLost, Text: "NOT PAGED through pagerduty", Data: []byte(`{"way":"pagerduty","seq":7,"page":true}`)}
	late := pointsman.Event{Type: pointsman.EvPageUndelivered, Text: "NOT PAGED: pagerduty answered 500; it is tried on (service:dba)"}
	t.Run("while it is tried and when it is given up", func(t *testing.T) {
		t.Parallel()
		w, pager := newWorld(t), &pagerOf{}
		w.bot.Sender.pages = pager
		pager.says(pointsman.Paging{Late: true, Problem: "pagerduty answered 500"}, nil)
		card := w.asked(2)
		w.page(late)
		w.rung(card, "🚨 NOT PAGED: pagerduty answered 500", "U0ANA", "U0BEN")
		w.told(lost)
		w.rung(card, "🚨 NOT PAGED through pagerduty", "U0ANA", "U0BEN")
	})
	t.Run("without a pager", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		card := w.asked(2)
		w.page()
		w.rung(card, "🚨 Nobody can be paged", "U0ANA", "U0BEN")
	})
	t.Run("but not when the pager has taken it meanwhile", func(t *testing.T) {
		t.Parallel()
		w, pager := newWorld(t), &pagerOf{}
		w.bot.Sender.pages = pager
		pager.says(pointsman.Paging{Taken: true}, nil)
		card := w.asked(2)
		w.page(late)
		w.rung(card, "🚨 NOT PAGED: pagerduty answered 500")
	})
}

// The line says what is so without a mention, too.
func TestAMentionThatCannotBeFoundCostsNoLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	card := w.asked(2)
	card.Click("U0ANA", "Approve")
	w.mu.Lock()
	w.queue = slices.DeleteFunc(w.queue, func(d *pointsman.Delivery) bool { return d.Destination == destCard })
	w.down = true
	w.mu.Unlock()
	w.flush()
	w.rung(card, "Ana Ruiz approved")
}

func TestMentionsCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	off, on := false, true
	for _, c := range []struct {
		says *bool
		want bool
	}{{nil, true}, {&on, true}, {&off, false}} {
		cfg := Config{Enabled: true, BotToken: "xoxb-1", AppToken: "xapp-1", Team: "T0POINTS", Channel: "C0INC", Mentions: c.says}
		b, err := New(cfg, Deps{Crew: staff})
		if err != nil {
			t.Fatal(err)
		}
		if got := b.Sender.crew != nil; got != c.want {
			t.Errorf("mentions %v: they are made: %v", c.says, got)
		}
	}
}

// Read aloud: what somebody reads who was asleep a minute ago.
func TestTheSentencesThatCallPeople(t *testing.T) {
	t.Parallel()
	person := func(id, name, slack string, roles ...string) Account {
		return Account{pointsman.Person{ID: id, Name: name, Roles: roles}, slack}
	}
	many := roll{}
	for i := range 14 {
		many = append(many, person(fmt.Sprintf("p%d", i), "", fmt.Sprintf("T0POINTS/U0%02d", i), "dba"))
	}
	mixed := roll{
		person("chi", "Chi Nguyen", "", "dba"), person("dee", "Dee <!channel> `Larsen`", "T0OTHER/U0DEE", "dba"),
		person("fay", "Fay", "T0POINTS/!channel", "dba"),
		{ana, "T0POINTS/U0ANA"},
		{ben, "T0POINTS/U0BEN"},
	}
	ready := func(edit ...func(*pointsman.Plan)) *tale {
		return begin(t).alert().after(4 * time.Second).switchoverRefused().readyWith(failover(edit...))
	}
	voted := func(s *tale, who pointsman.Person) *tale {
		return s.must(pointsman.CastVote{Proposal: "INC-7/P1", Digest: s.state.Proposals[0].Digest, Verdict: pointsman.Approve, By: by(who)})
	}
	roles := func(list ...pointsman.Requirement) func(*pointsman.Plan) {
		return func(p *pointsman.Plan) { p.Policy.Require = list }
	}
	asks := func(s *tale) *tale { // a person asked for it, who may not approve it
		s.state.Proposals[0].Requester = by(ben)
		return s
	}
	var out strings.Builder
	for _, c := range []struct {
		when string
		is   *tale
		why  string
		crew roll
	}{
		{"nobody has voted", ready(), callUpdate, staff},
		{"one of two has", voted(ready(), ana), callVote, staff},
		{"two roles, and one is filled", voted(ready(roles(pointsman.Requirement{Count: 1, Role: "dba"}, pointsman.Requirement{Count: 1, Role: "incident-commander"})), ana), callVote, staff},
		{"who asked may not", asks(ready(needs(1))), callUpdate, staff},
		{"nobody is left who may", voted(asks(ready()), ana), callVote, staff},
		{"without an account here, of another workspace, with a name or an account that is markup", ready(), callUpdate, mixed},
		{"fourteen people", ready(), callUpdate, many},
		{"a drill", ready(func(p *pointsman.Plan) { p.Mode = pointsman.ModeDrill }), callUpdate, staff},
		{"nobody is paged for a run that is parked", begin(t).parked(), callPage, staff},
		{"an update on it", begin(t).parked(), callUpdate, staff},
		{"nobody is paged after the approval expired", ready().after(time.Hour).must(pointsman.Tick{Incident: "INC-7"}), callPage, staff},
		{"nobody is paged where no runbook answers", begin(t).must(pointsman.ReceiveAlerts{Key: "k", Title: "DiskFull", Alerts: []pointsman.Alert{primaryDown(pointsman.AlertFiring)}}), callPage, staff},
		{"nobody is configured", begin(t).must(pointsman.ReceiveAlerts{Key: "k", Title: "DiskFull", Alerts: []pointsman.Alert{primaryDown(pointsman.AlertFiring)}}), callPage, nil},
	} {
		said := "nothing"
		if c.when == "a drill" {
			c.is.state.Proposals[0].Mode = pointsman.ModeDrill
		}
		if q := toDecide(c.is.state, call{Why: c.why}, c.is.now); q != nil {
			if s := q.sentence(c.crew, "T0POINTS"); s != "" {
				said = strings.TrimPrefix(s, "\n")
			}
		}
		if strings.Contains(said, "<!channel") || strings.Count(said, "<@") > maxCalled {
			t.Errorf("%s: %s", c.when, said)
		}
		fmt.Fprintf(&out, "%s:\n%s\n\n", c.when, said)
	}
	const file = "testdata/mentions.txt"
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("%s (-want +got); go test ./bot -update writes it anew\n%s", file, diff)
	}
}
