package bot

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
)

// oneCard checks that the channel shows the incident once.
func (w *world) oneCard() fakeslack.Message {
	w.t.Helper()
	var top []fakeslack.Message
	for _, m := range w.room.Messages() {
		if m.ThreadTS == "" && m.OnlyTo == "" {
			top = append(top, m)
		}
	}
	if len(top) != 1 {
		w.t.Fatalf("one incident has %d messages in the channel:\n%s", len(top), w.room.Channel)
	}
	return top[0]
}

func TestWhateverSlackAnswersThereIsOneCard(t *testing.T) {
	t.Parallel()
	for _, mode := range []fakeslack.Mode{
		fakeslack.RateLimited, fakeslack.ServerError, fakeslack.Drop, fakeslack.DropAfter, fakeslack.Hang, fakeslack.HangAfter, "internal_error",
	} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.tell(webhook(primaryDown(pointsman.AlertFiring)))
			w.slack.FailNext("chat.postMessage", 1, mode)
			w.flush()
			w.oneCard()
		})
	}
	t.Run("the first card is posted without asking what the channel holds", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.tell(webhook(primaryDown(pointsman.AlertFiring)))
		w.flush()
		if n := len(w.slack.Calls("conversations.history")); n != 0 {
			t.Errorf("%d looks into the channel's history, which Slack limits and which take their time", n)
		}
	})
	t.Run("nor how the incident stands, which came with it", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.tell(webhook(primaryDown(pointsman.AlertFiring)))
		d := *w.head()
		d.Attempts = 1
		w.mu.Lock()
		opened := w.state
		w.down = true
		w.mu.Unlock()
		d.Opened = &opened
		if _, err := w.bot.Sender.Send(t.Context(), d); err != nil {
			t.Errorf("the first card looks into the store: %v", err)
		}
		w.oneCard()
		for why, edit := range map[string]func(){
			"at its second attempt":         func() { d.Attempts = 2 },
			"after it had to wait for long": func() { d.Attempts, opened.Incident.OpenedAt = 1, opened.Incident.OpenedAt.Add(-young) },
		} {
			edit()
			if _, err := w.bot.Sender.Send(t.Context(), d); !errors.Is(err, errDown) {
				t.Errorf("%s it is drawn as the incident was opened: %v", why, err)
			}
		}
	})
	t.Run("the line of a thread comes once, too", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		card := w.asked(2)
		w.slack.FailNext("chat.postMessage", 1, fakeslack.DropAfter)
		card.Click("U0ANA", "Approve")
		w.flush()
		n := 0
		for _, m := range card.Thread() {
			if m.Says("Ana Ruiz approved") {
				n++
			}
		}
		if n != 1 {
			t.Errorf("the approval is told %d times:\n%s", n, w.room.Channel)
		}
	})
	t.Run("an unknown answer, then a crash, then another event", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.tell(webhook(primaryDown(pointsman.AlertFiring)))
		w.flush()
		w.mu.Lock()
		clear(w.refs) // the process died before it could write down where the card is
		w.tried = 1
		w.mu.Unlock()
		w.asked(1)
		w.oneCard()
	})
}

func TestASilentSlackDelaysNothingElseThanItsOwnRetry(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *fakeslack.Config) { c.RetryAfter = 2 * time.Second })
	w.tell(webhook(primaryDown(pointsman.AlertFiring)))
	w.slack.FailNext("chat.postMessage", 1, fakeslack.RateLimited)
	began := time.Now()
	w.flush()
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("posted again after %s, Slack asked for 2 s", took)
	}
	if n := len(w.slack.Calls("chat.postMessage")); n != 2 {
		t.Errorf("%d posts, want the refused one and the one after it", n)
	}
}

func TestWhatNoRepetitionCuresIsGivenUpVisibly(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"invalid_blocks", "invalid_arguments", "msg_too_long", "msg_blocks_too_long", "invalid_metadata_format"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.tell(webhook(primaryDown(pointsman.AlertFiring)))
			w.slack.FailNext("chat.postMessage", 1, fakeslack.Mode(code))
			if parked := w.flush(); len(parked) != 1 || !strings.Contains(parked[0], code) {
				t.Errorf("given up: %q", parked)
			}
		})
	}
}

func TestWhoWaitsForATurnDoesNotLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tell(webhook(primaryDown(pointsman.AlertFiring)))
	w.bot.Sender.pace.post.SetBurst(0) // many others are before it
	d := w.head()
	d.Attempts = 3
	var later interface{ RetryAfter() time.Duration }
	if _, err := w.bot.Sender.Send(t.Context(), *d); !errors.As(err, &later) {
		t.Errorf("sent with %v, want to be told when to come again", err)
	}
	if n := len(w.slack.Calls("")); n != 0 {
		t.Errorf("%d calls, each of which Slack counts", n)
	}
}

// Slack counts refused looks, too: many messages that look at once would keep each other out.
func TestAPauseOfLooksIsKeptByEveryMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *fakeslack.Config) { c.RetryAfter = time.Minute })
	w.tell(webhook(primaryDown(pointsman.AlertFiring)))
	w.slack.FailNext("conversations.history", 1, fakeslack.RateLimited)
	d := w.head()
	d.Attempts = 2
	for range 3 {
		var later interface{ RetryAfter() time.Duration }
		if _, err := w.bot.Sender.Send(t.Context(), *d); !errors.As(err, &later) {
			t.Errorf("sent with %v, want to be told when to come again", err)
		}
	}
	if n := len(w.slack.Calls("")); n != 1 {
		t.Errorf("%d calls, want the one that was refused", n)
	}
}

func TestADeletedCardIsPostedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.asked(1)
	w.slack.FailNext("chat.update", 1, "message_not_found")
	w.tell(pointsman.Recheck{Proposal: "INC-7/P1", By: by(ben)})
	w.flush()
	if n := len(w.slack.Calls("chat.postMessage")); n < 3 { // card, line, card
		t.Errorf("%d posts", n)
	}
}

// The channel of the configuration may become another one while an incident is open.
func TestTheThreadStaysUnderItsCard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *fakeslack.Config) {
		c.Channels = append(c.Channels, fakeslack.ChannelConfig{ID: "C0NEW", Name: "incidents-new"})
	})
	w.asked(1)
	w.bot.Sender.channel = "C0NEW"
	w.tell(pointsman.WriteUpdate{Incident: "INC-7", Text: "we fail over at 03:10", By: by(ana)})
	if parked := w.flush(); len(parked) != 0 {
		t.Errorf("given up: %v", parked)
	}
	w.room.WaitMessage("PrimaryDown").WaitReply("we fail over at 03:10")
}

func TestPlanSaysWhatIsWorthSaying(t *testing.T) {
	t.Parallel()
	ev := func(typ pointsman.EventType) pointsman.Logged {
		return pointsman.Logged{Seq: 9, Event: pointsman.Event{ID: "E9", Type: typ, Incident: "INC-7", Text: "<it> happened"}}
	}
	told := func(typ pointsman.EventType) string {
		var out []string
		for _, d := range (&Sender{}).Plan(ev(typ)) {
			out = append(out, d.Lane+" "+string(d.Class))
			if d.Newest != (d.Destination == destCard) {
				t.Errorf("%s to %s: newest %v", typ, d.Destination, d.Newest)
			}
		}
		return strings.Join(out, ", ")
	}
	want := map[pointsman.EventType]string{
		pointsman.EvIncidentOpened: "slack/INC-7/card urgent",
		pointsman.EvAlertFiring:    "slack/INC-7/card urgent",
		pointsman.EvProposalReady:  "slack/INC-7/card urgent, slack/INC-7/thread normal",
		pointsman.EvProposalStill:  "slack/INC-7/card urgent",
		pointsman.EvVoteCounted:    "slack/INC-7/card urgent, slack/INC-7/thread normal",
		pointsman.EvIncidentUpdate: "slack/INC-7/thread normal",
		pointsman.EvVoteRefused:    "",
		pointsman.EvServerState:    "",
	}
	for typ, lanes := range want {
		if got := told(typ); got != lanes {
			t.Errorf("%s: %q, want %q", typ, got, lanes)
		}
	}
	if got := (&Sender{}).Plan(ev(pointsman.EvRunDone)); cmp.Diff(got, (&Sender{}).Plan(ev(pointsman.EvRunDone))) != "" || strings.Contains(string(got[1].Payload), "<it>") {
		t.Errorf("%s", got[1].Payload)
	}
}

func TestUpdatesReachTheChannelAndNotOnlyTheThread(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.asked(1)
	w.tell(pointsman.WriteUpdate{Incident: "INC-7", Text: "we fail over at 03:10", By: by(ben)})
	w.flush()
	calls := w.slack.Calls("chat.postMessage")
	if last := calls[len(calls)-1]; !strings.Contains(string(dump(last)), "we fail over at 03:10") || !strings.Contains(string(dump(last)), "reply_broadcast") {
		t.Errorf("%s", dump(last))
	}
}

func TestSocketModeIsTheSameDoor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := httptest.NewServer(w.slack)
	t.Cleanup(server.Close)
	w.slack.SetBaseURL(server.URL)
	w.slack.SetRequestURLs("", "")
	w.bot = w.newBot(ModeSocket, server.URL, http.DefaultTransport)
	card := w.asked(1)
	listening := make(chan error, 1)
	ctx, stop := testContext(t)
	go func() { listening <- w.bot.Listen(ctx) }()
	if err := w.slack.WaitConnected(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := w.room.Slash("U0BEN", "/pointsman", "status"); !strings.Contains(string(r.Body), "waits for approval") {
		t.Errorf("status answers %s", r.Body)
	}
	w.slack.Disconnect("warning") // Slack renews a connection; the next click finds the other one or the new one
	if err := w.slack.WaitConnected(t.Context()); err != nil {
		t.Fatal(err)
	}
	card.Click("U0ANA", "Approve")
	w.room.WaitEphemeral("U0ANA", "starts now as INC-7/R1")
	stop()
	if err := <-listening; err != nil {
		t.Error(err)
	}
}

// Slack drops an acknowledgement of 20 KiB or more without a word: nobody would be answered, and the command would come
// again and again.
func TestAnAnswerThatIsTooLargeForSocketModeComesAfterTheAcknowledgement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := httptest.NewServer(w.slack)
	t.Cleanup(server.Close)
	w.slack.SetBaseURL(server.URL)
	w.slack.SetRequestURLs("", "")
	w.bot = w.newBot(ModeSocket, server.URL, http.DefaultTransport)
	much := strings.Repeat("火", 400) // three bytes each
	offers := webhook(primaryDown(pointsman.AlertFiring))
	offers.Offers = nil
	for i := range 30 {
		offers.Offers = append(offers.Offers, pointsman.Offer{Runbook: "rb-" + number(i), Title: much, Target: orders, Params: map[string]string{"n": number(i)}, Priority: i})
	}
	w.tell(offers)
	plan := failover(func(p *pointsman.Plan) {
		p.Title, p.Acknowledge = much, slices.Repeat([]string{much}, 6) // more of what an approver accepts fits on no card
		for range 40 {
			p.Steps = append(p.Steps, pointsman.PlanStep{Name: "s", Summary: much})
		}
	})
	facts := (&tale{t: t, now: w.now}).facts()
	for i := range 60 {
		facts = append(facts, pointsman.Fact{Name: "fact " + number(i), Value: "🔥", Text: much, Source: "pg-2", At: w.now, Result: pointsman.Fail, Kind: pointsman.Warn})
	}
	for i := range 30 {
		w.tell(pointsman.Ready{Proposal: "INC-7/P" + number(i+1), Generation: 1, Plan: encoded(t, plan), Facts: facts})
	}
	if raw, err := json.Marshal(Card(ViewOf(w.state, w.now))); err != nil || len(raw) < 20_480 {
		t.Fatalf("the card has %d bytes, too few for this test: %v", len(raw), err)
	}
	listening := make(chan error, 1)
	ctx, stop := testContext(t)
	go func() { listening <- w.bot.Listen(ctx) }()
	if err := w.slack.WaitConnected(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := w.room.Slash("U0BEN", "/pointsman", "incident INC-7"); len(r.Body) != 0 {
		t.Errorf("acknowledged with %d bytes", len(r.Body))
	}
	w.room.WaitEphemeral("U0BEN", "PrimaryDown")
	stop()
	if err := <-listening; err != nil {
		t.Error(err)
	}
}
