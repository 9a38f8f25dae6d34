package fakeslack_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"github.com/pointsman/pointsman/bot/fakeslack"
)

// connected runs slack-go's Socket Mode client against a workspace served on loopback; handle gets every request.
func connected(t *testing.T, cfg fakeslack.Config, handle func(*socketmode.Client, socketmode.Event)) (*fakeslack.Slack, *slack.Client) {
	t.Helper()
	s, _ := world(t, cfg)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(s.Close)
	s.SetBaseURL(server.URL)
	c := slack.New(s.Config().BotToken, slack.OptionAppLevelToken(s.Config().AppToken), slack.OptionAPIURL(server.URL+"/api/"))
	sm := socketmode.New(c)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = sm.RunContext(ctx) // ends with the test
	}()
	go func() {
		for {
			select {
			case e := <-sm.Events:
				if e.Request != nil && e.Request.EnvelopeID != "" {
					handle(sm, e)
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	if err := s.WaitConnected(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, c
}

func TestSocketModeCarriesClicksAndCommands(t *testing.T) {
	t.Parallel()
	s, c := connected(t, fakeslack.Config{}, func(sm *socketmode.Client, e socketmode.Event) {
		switch data := e.Data.(type) {
		case slack.SlashCommand:
			sm.Ack(*e.Request, map[string]any{"text": "you said " + data.Text})
		case slack.InteractionCallback:
			sm.Ack(*e.Request)
			_, _, _, err := sm.UpdateMessage(data.Channel.ID, data.Container.MessageTs, slack.MsgOptionText("Approved by <@"+data.User.ID+">", false))
			if err != nil {
				t.Error(err)
			}
		}
	})
	story := s.Story(t)
	ch := story.Channel("C0INC")
	ch.Slash("U0BEN", "/pointsman", "status")
	ch.WaitEphemeral("U0BEN", "you said status")
	post(t, c, slack.MsgOptionText("failover", false), slack.MsgOptionBlocks(card()...))
	m := ch.WaitMessage("PostgreSQL failover")
	m.Click("U0ANA", "Approve")
	m.WaitText("Approved by @Ana Souza")
}

func TestSocketModeDeliversAgainUntilAcknowledged(t *testing.T) {
	t.Parallel()
	attempts := make(chan int, 4)
	s, c := connected(t, fakeslack.Config{AckWithin: 100 * time.Millisecond}, func(sm *socketmode.Client, e socketmode.Event) {
		attempts <- e.Request.RetryAttempt
		if e.Request.RetryAttempt == 1 {
			sm.Ack(*e.Request)
		}
	})
	ts := post(t, c, slack.MsgOptionText("failover", false), slack.MsgOptionBlocks(card()...))
	if _, err := s.Click(t.Context(), "U0ANA", "C0INC", ts, "approve"); err != nil {
		t.Fatal(err)
	}
	if first, second := <-attempts, <-attempts; first != 0 || second != 1 {
		t.Errorf("attempts %d, %d", first, second)
	}
}

func TestSocketModeSurvivesADisconnect(t *testing.T) {
	t.Parallel()
	s, c := connected(t, fakeslack.Config{}, func(sm *socketmode.Client, e socketmode.Event) { sm.Ack(*e.Request) })
	for _, reason := range []string{"warning", "refresh_requested"} {
		s.Disconnect(reason)
		if n := s.Connections(); n > 1 {
			t.Errorf("%d connections", n)
		}
		ts := post(t, c, slack.MsgOptionText("failover", false), slack.MsgOptionBlocks(card()...))
		if _, err := s.Click(t.Context(), "U0ANA", "C0INC", ts, "approve"); err != nil {
			t.Error(err)
		}
	}
	if n := len(s.Calls("apps.connections.open")); n != 3 {
		t.Errorf("%d connections were opened, want 3", n)
	}
}
