package bot

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slack-go/slack/socketmode"
	"golang.org/x/time/rate"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
)

// pace sets how often an account may ask; 0 for not at all.
func (w *world) pace(account string, burst int) {
	o := w.bot.Handler.often
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pace[account] = rate.NewLimiter(0, burst)
}

// An empty acknowledgement closes a form. Whoever clicked a lot and then aborts would believe that the run is aborted.
func TestAFormThatComesTooOftenStaysOpenAndSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	card := w.asked(1)
	card.Click("U0ANA", "Approve")
	w.tell(pointsman.StartRun{Run: "INC-7/R1", Epoch: 1, People: map[string]pointsman.Person{"ana": ana}})
	w.flush()
	card.WaitText("is running").Click("U0ANA", "Abort…")
	v := w.story.WaitView("U0ANA", "What will happen")
	aborted := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.state.Runs[0].Wish.Verb == pointsman.VerbAbort || w.state.Runs[0].State.Terminal()
	}

	w.pace("T0POINTS/U0ANA", 0)
	r := w.story.Submit(v, map[string]string{"reason": "the old primary is back"})
	if !strings.Contains(string(r.Body), "this one was not carried out") || aborted() {
		t.Fatalf("aborted: %v; the form says %s", aborted(), r.Body)
	}
	w.pace("T0POINTS/U0ANA", 1)
	w.story.Submit(w.story.WaitView("U0ANA", "What will happen"), map[string]string{"reason": "the old primary is back"}) // it is still open
	if !aborted() {
		t.Error("the second submission was not carried out")
	}
}

func TestAFormOfSomebodyWhoIsTurnedAwaySaysWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.asked(1).Click("U0ANA", "Deny…")
	v := w.story.WaitView("U0ANA", "Why not?")
	w.bot.Handler.team = "T0OTHER" // as after a reload with another workspace
	if r := w.story.Submit(v, map[string]string{"reason": "pg-1 is only restarting"}); !strings.Contains(string(r.Body), "another workspace") {
		t.Errorf("the form says %s", r.Body)
	}
	w.undecided(pointsman.EvDoorRefused, "T0POINTS/U0ANA")
}

// elsewhere is a conversation that the bot is no member of, such as one between two people.
func elsewhere(c *fakeslack.Config) {
	c.Channels = append(c.Channels, fakeslack.ChannelConfig{ID: "C0ELSE", Name: "elsewhere", WithoutApp: true})
}

func TestAFormAnswersWhereTheBotIsNoMember(t *testing.T) {
	t.Parallel()
	w := newWorld(t, elsewhere)
	room := w.story.Channel("C0ELSE")
	room.Slash("U0ANA", "/pointsman", "killswitch engage trading")
	w.story.Submit(w.story.WaitView("U0ANA", "Why?", "trading"), map[string]string{"reason": "prices are wrong since 02:50"})
	room.WaitEphemeral("U0ANA", "trading is engaged")
	if n := len(w.slack.Calls("chat.postMessage")); n != 0 {
		t.Errorf("%d messages beside the private answer", n)
	}
}

func TestAnAnswerThatNoConversationTakesIsADirectMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, elsewhere)
	w.story.Channel("C0ELSE").Slash("U0ANA", "/pointsman", "killswitch engage trading")
	v := w.story.WaitView("U0ANA", "Why?", "trading")
	w.slack.FailNext("response_url", 1, fakeslack.ServerError) // its 30 minutes are over
	w.story.Submit(v, map[string]string{"reason": "prices are wrong since 02:50"})
	w.story.Channel("U0ANA").WaitMessage("trading is engaged")
}

// What the form brings back came from outside: its address is looked at like that of any request.
func TestTheAddressInAFormIsLookedAtToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, elsewhere)
	w.story.Channel("C0ELSE").Slash("U0ANA", "/pointsman", "killswitch engage trading")
	v := w.story.WaitView("U0ANA", "Why?", "trading")
	w.bot.Handler.replies.allowed = []string{"https://hooks.slack.com"} // not where this Slack is
	w.story.Submit(v, map[string]string{"reason": "prices are wrong since 02:50"})
	w.story.Channel("U0ANA").WaitMessage("trading is engaged")
	if n := len(w.slack.Calls("response_url")); n != 0 {
		t.Errorf("an address that is not allowed was called %d times", n)
	}
}

func TestAnAddressThatDoesNotFitIsLeftOut(t *testing.T) {
	t.Parallel()
	f := form{Do: doEngage, Name: strings.Repeat("🔥", 80), Channel: "C0INC", Answer: "https://hooks.slack.com/commands/T0/" + strings.Repeat("x", 100)}
	if s := f.memory(); !strings.Contains(s, f.Answer) || len(s) > maxMemory {
		t.Errorf("%d characters: %s", len(s), s)
	}
	f.Answer += strings.Repeat("x", maxMemory)
	var back form
	if err := json.Unmarshal([]byte(f.memory()), &back); err != nil || back.Answer != "" || back.Name != f.Name || back.Channel != "C0INC" {
		t.Errorf("%v: %+v", err, back)
	}
}

// stuck is a store that answers only when nobody waits any more.
type stuck struct{ *ledger }

func (stuck) Do(ctx context.Context, _ pointsman.Command) (pointsman.Result, error) {
	<-ctx.Done()
	return pointsman.Result{}, ctx.Err()
}

// punctual sends nothing for a request whose time is over, as net/http does.
type punctual struct{ http.RoundTripper }

func (p punctual) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	return p.RoundTripper.RoundTrip(req)
}

// inBubble is a bot whose store is stuck, for a synctest bubble.
func inBubble(t *testing.T, switches Switches) (*fakeslack.Slack, *Bot) {
	t.Helper()
	fake := fakeslack.New(fakeslack.Config{BaseURL: "http://slack.example"})
	t.Cleanup(fake.Close)
	cfg, book := fake.Config(), &ledger{now: time.Now()}
	b, err := New(Config{
		Enabled: true, BotToken: Secret(cfg.BotToken), AppToken: Secret(cfg.AppToken), Team: cfg.TeamID, Channel: "C0INC",
		APIURL: "http://slack.example/api", ResponseHosts: []string{"http://slack.example"},
	}, Deps{
		Store: stuck{book}, Read: book, Notes: book, Switches: switches, Transport: punctual{fakeslack.Transport(fake)},
		People: phoneBook{"T0POINTS/U0ANA": ana}, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return fake, b
}

// Socket Mode: the time of the request is over when this answer is given, which was then lost.
func TestThatNothingIsKnownIsSaidAlsoAfterTheTimeIsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		switches := &switchboard{slow: make(chan struct{})}
		fake, b := inBubble(t, switches)
		room := fake.Story(t).Channel("C0INC")
		b.envelope(t.Context(), socketmode.New(b.api), socketmode.Request{Type: socketmode.RequestTypeInteractive, Payload: json.RawMessage(`{
			"type": "block_actions", "team": {"id": "T0POINTS"}, "user": {"id": "U0ANA", "team_id": "T0POINTS"}, "channel": {"id": "C0INC"},
			"message": {"ts": "1.2"}, "actions": [{"type": "button", "action_id": "recheck", "block_id": "b", "action_ts": "3.4", "value": "INC-7/P1 - 1"}]}`)})
		room.WaitEphemeral("U0ANA", "The store did not answer")

		out := b.Handler.turn(t.Context(), doEngage, "trading", "prices are wrong", by(ana), reader{channel: "C0INC", user: "U0ANA"}, "once", true)
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		told := make(chan struct{})
		go func() { defer close(told); out.after(ctx) }()
		<-ctx.Done()
		close(switches.slow)
		<-told
		room.WaitEphemeral("U0ANA", "trading is engaged")
		b.Handler.Drain()
	})
}

func TestAnAddressThatHangsLeavesTimeForAnotherWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake, b := inBubble(t, &switchboard{})
		fake.FailNext("response_url", 1, fakeslack.Hang)
		fake.FailNext("chat.postEphemeral", 1, fakeslack.Hang)
		b.Handler.later(b.Handler.say(reader{url: "http://slack.example/response/T0POINTS/R1", channel: "C0INC", user: "U0ANA"}, "INC-7/P1 is approved"))
		fake.Story(t).Channel("U0ANA").WaitMessage("INC-7/P1 is approved")
		b.Handler.Drain()
	})
}

// A silence or a lost Alertmanager keeps the report of an end back for ever: then closing is needed most.
func TestAnIncidentIsClosedWhileItsAlertFires(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	card := w.asked(1)
	card.Click("U0BEN", "Close the incident…")
	v := w.story.WaitView("U0BEN", "Why?", "INC-7")
	if want := "Alerts that still fire are taken as over. One that fires anew, or is repeated after more than 30m, opens an incident again."; !strings.Contains(string(v.JSON()), want) {
		t.Errorf("the form does not say what happens to alerts: %s", v.JSON())
	}
	w.story.Submit(v, map[string]string{"reason": "silenced for the night, Alertmanager will not tell"})
	w.room.WaitEphemeral("U0BEN", "INC-7 is closed")
	w.flush()
	card.WaitText("Resolved")

	standing := func() pointsman.IncidentState {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.state.Incident.State
	}
	w.tellAny(webhook(primaryDown(pointsman.AlertFiring)))
	if s := standing(); s != pointsman.IncidentResolved {
		t.Errorf("a repetition of what was taken as over makes it %s", s)
	}
	anew := primaryDown(pointsman.AlertFiring)
	anew.StartsAt = w.now
	w.tellAny(webhook(anew))
	if s := standing(); s != pointsman.IncidentOpen {
		t.Errorf("a new firing leaves it %s", s)
	}
}

func TestARunIsEndedBeforeItsIncidentIsClosed(t *testing.T) {
	t.Parallel()
	for _, told := range []func(*tale) *tale{(*tale).running, (*tale).parked, (*tale).gate} {
		s := told(begin(t))
		if shown := textOf(Card(ViewOf(s.state, s.now))); strings.Contains(shown, "Close the incident") {
			t.Error(shown)
		}
	}
}

// tellAny carries a command out whose answer does not matter.
func (w *world) tellAny(c pointsman.Command) {
	w.t.Helper()
	if _, err := w.Do(w.t.Context(), c); err != nil {
		w.t.Fatal(err)
	}
}
