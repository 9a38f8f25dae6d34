package fakeslack_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman/bot/fakeslack"
)

var people = []fakeslack.User{
	{ID: "U0ANA", Name: "ana", Real: "Ana Souza", Title: "Database on call", Email: "ana@example.org"},
	{ID: "U0BEN", Name: "ben", Real: "Ben Okafor", Title: "Incident commander"},
}

// world is a workspace with the real client talking to it inside the process.
func world(t *testing.T, cfg fakeslack.Config) (*fakeslack.Slack, *slack.Client) {
	t.Helper()
	cfg.Users = people
	s := fakeslack.New(cfg)
	t.Cleanup(s.Close)
	return s, clientOf(s)
}

func clientOf(s *fakeslack.Slack) *slack.Client {
	return slack.New(s.Config().BotToken, slack.OptionAPIURL("http://slack.test/api/"),
		slack.OptionHTTPClient(&http.Client{Transport: fakeslack.Transport(s)}))
}

func mrkdwn(text string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, text, false, false)
}

func plainText(text string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, text, false, false)
}

func button(id, label string) *slack.ButtonBlockElement {
	return slack.NewButtonBlockElement(id, "run-1/step-1", plainText(label))
}

func card() []slack.Block {
	approve := button("approve", "Approve").WithStyle(slack.StylePrimary).
		WithConfirm(slack.NewConfirmationBlockObject(plainText("Promote pg-b?"), mrkdwn("It is *irreversible*."), plainText("Do it"), plainText("Stop")))
	return []slack.Block{
		slack.NewHeaderBlock(plainText("PostgreSQL failover")),
		slack.NewSectionBlock(mrkdwn("Suggested: *pg-a* to *pg-b*"), nil, nil),
		slack.NewActionBlock("decide", approve, button("reject", "Reject").WithStyle(slack.StyleDanger)),
	}
}

func post(t *testing.T, c *slack.Client, options ...slack.MsgOption) string {
	t.Helper()
	_, ts, err := c.PostMessageContext(t.Context(), "C0INC", options...)
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

// code is the error code Slack answered, and the messages beside it.
func code(err error) (string, string) {
	refused, ok := errors.AsType[slack.SlackErrorResponse](err)
	if !ok {
		return "", ""
	}
	return refused.Err, strings.Join(refused.ResponseMetadata.Messages, "\n")
}

func TestACardIsPostedEditedAndRead(t *testing.T) {
	t.Parallel()
	s, c := world(t, fakeslack.Config{})
	ts := post(t, c, slack.MsgOptionText("failover", false), slack.MsgOptionBlocks(card()...),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "pointsman_card", EventPayload: map[string]any{"seq": "41"}}))
	reply := post(t, c, slack.MsgOptionText("running 4/7 promote", false), slack.MsgOptionTS(ts))
	if reply <= ts {
		t.Errorf("the reply's ts %s does not come after %s", reply, ts)
	}
	if _, _, _, err := c.UpdateMessageContext(t.Context(), "C0INC", ts, slack.MsgOptionText("Verified 03:05", false)); err != nil {
		t.Fatal(err)
	}

	h, err := c.GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: "C0INC", IncludeAllMetadata: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Messages) != 1 || h.Messages[0].ReplyCount != 1 || h.Messages[0].Metadata.EventPayload["seq"] != "41" {
		t.Errorf("history: %+v", h.Messages)
	}
	if len(h.Messages[0].Blocks.BlockSet) != 0 {
		t.Error("an update with text alone must remove the blocks")
	}
	without, err := c.GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: "C0INC"})
	if err != nil || without.Messages[0].Metadata.EventType != "" {
		t.Errorf("metadata came without include_all_metadata: %v %+v", err, without.Messages[0].Metadata)
	}
	thread, _, _, err := c.GetConversationRepliesContext(t.Context(), &slack.GetConversationRepliesParameters{ChannelID: "C0INC", Timestamp: ts})
	if err != nil || len(thread) != 2 || thread[1].Text != "running 4/7 promote" {
		t.Errorf("thread: %v %+v", err, thread)
	}

	m := s.Channel("C0INC").Messages()[0]
	if len(m.Versions) != 1 || m.Versions[0].Text != "failover" || len(m.Versions[0].Blocks) != 3 {
		t.Errorf("the first version was not kept: %+v", m.Versions)
	}
}

func TestHistoryIsReadInPages(t *testing.T) {
	t.Parallel()
	_, c := world(t, fakeslack.Config{})
	for _, text := range []string{"one", "two", "three"} {
		post(t, c, slack.MsgOptionText(text, false))
	}
	var got []string
	params := slack.GetConversationHistoryParameters{ChannelID: "C0INC", Limit: 2}
	for {
		h, err := c.GetConversationHistoryContext(t.Context(), &params)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range h.Messages {
			got = append(got, m.Text)
		}
		if params.Cursor = h.ResponseMetaData.NextCursor; !h.HasMore {
			break
		}
	}
	if diff := cmp.Diff([]string{"three", "two", "one"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestIncompleteMetadataIsDropped(t *testing.T) {
	t.Parallel()
	s, c := world(t, fakeslack.Config{})
	post(t, c, slack.MsgOptionText("x", false), slack.MsgOptionMetadata(slack.SlackMetadata{EventPayload: map[string]any{"seq": "1"}}))
	if m := s.Channel("C0INC").Messages()[0]; m.Metadata != nil {
		t.Errorf("kept %+v", m.Metadata)
	}
}

// app is the program under test: it verifies with slack-go, as Pointsman does, and hands the interaction on.
func app(t *testing.T, s *fakeslack.Slack, handle func(http.ResponseWriter, *http.Request, []byte)) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		v, err := slack.NewSecretsVerifier(r.Header, s.Config().SigningSecret)
		if err == nil {
			v.Write(body)
			err = v.Ensure()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		handle(w, r, body)
	}))
	t.Cleanup(server.Close)
	s.SetRequestURLs(server.URL+"/slack/commands", server.URL+"/slack/interactions")
}

func TestAClickIsSignedWholeAndAnswered(t *testing.T) {
	t.Parallel()
	s, c := world(t, fakeslack.Config{BaseURL: "http://slack.test"})
	clicks := make(chan slack.InteractionCallback, 1)
	app(t, s, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		in, err := slack.InteractionCallbackParse(r)
		if err != nil {
			t.Error(err)
		}
		clicks <- in
	})
	story := s.Story(t)
	post(t, c, slack.MsgOptionText("failover", false), slack.MsgOptionBlocks(card()...))
	m := story.Channel("C0INC").WaitMessage("PostgreSQL failover", "pg-a to pg-b", "[Approve]")
	m.Click("U0ANA", "Approve")

	in := <-clicks
	action := in.ActionCallback.BlockActions[0]
	got := []string{
		string(in.Type), in.User.ID, in.User.TeamID, in.Team.ID, in.Channel.ID, in.Container.MessageTs, in.Message.Text,
		action.ActionID, action.BlockID, action.Value, action.Text.Text, string(action.Type),
	}
	want := []string{"block_actions", "U0ANA", "T0POINTS", "T0POINTS", "C0INC", m.TS, "failover", "approve", "decide", "run-1/step-1", "Approve", "button"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(in.Message.Blocks.BlockSet) != 3 || in.TriggerID == "" || action.ActionTs == "" {
		t.Errorf("incomplete: %+v", in)
	}

	transport := &http.Client{Transport: fakeslack.Transport(s)}
	for range 5 {
		if err := slack.PostWebhookCustomHTTPContext(t.Context(), in.ResponseURL, transport, &slack.WebhookMessage{Text: "1 of 2, thank you"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := slack.PostWebhookCustomHTTPContext(t.Context(), in.ResponseURL, transport, &slack.WebhookMessage{Text: "again"}); err == nil {
		t.Error("a response_url was used six times")
	}
	if n := len(s.Channel("C0INC").Ephemerals("U0ANA")); n != 5 {
		t.Errorf("%d ephemeral answers, want 5", n)
	}
	if n := len(s.Channel("C0INC").Ephemerals("U0BEN")); n != 0 {
		t.Error("somebody else saw them")
	}
}

func TestTamperedRequestsDoNotVerify(t *testing.T) {
	t.Parallel()
	s, c := world(t, fakeslack.Config{})
	app(t, s, func(http.ResponseWriter, *http.Request, []byte) {})
	ts := post(t, c, slack.MsgOptionText("failover", false), slack.MsgOptionBlocks(card()...))
	for name, tamper := range map[string]fakeslack.Tamper{
		"wrong secret": {Secret: "another"}, "old": {Age: 6 * time.Minute}, "from the future": {Age: -6 * time.Minute},
		"unsigned": {Unsigned: true}, "changed on the way": {Append: "&x=1"},
	} {
		s.TamperNext(tamper)
		if r, err := s.Click(t.Context(), "U0ANA", "C0INC", ts, "approve"); err != nil || r.Status != http.StatusUnauthorized {
			t.Errorf("%s: status %d, %v", name, r.Status, err)
		}
	}
	if r, err := s.Click(t.Context(), "U0ANA", "C0INC", ts, "approve"); err != nil || r.Status != http.StatusOK {
		t.Errorf("untouched: status %d, %v", r.Status, err)
	}
	if r, err := s.Replay(t.Context()); err != nil || r.Status != http.StatusOK {
		t.Errorf("a replay verifies, telling it apart is the app's work: status %d, %v", r.Status, err)
	}
}

func TestSlackSignsAsItsDocumentationShows(t *testing.T) {
	t.Parallel()
	// https://docs.slack.dev/authentication/verifying-requests-from-slack
	body := "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar" +
		"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN" +
		"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
	got := fakeslack.Signature("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", []byte(body))
	if got != "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503" {
		t.Error(got)
	}
}

func TestAButtonThatIsGoneCannotBePressed(t *testing.T) {
	t.Parallel()
	s, c := world(t, fakeslack.Config{})
	app(t, s, func(http.ResponseWriter, *http.Request, []byte) {})
	ts := post(t, c, slack.MsgOptionText("failover", false), slack.MsgOptionBlocks(card()...))
	m := s.Channel("C0INC").Messages()[0]
	if got := m.Confirmation("Approve"); got != "Promote pg-b?: It is *irreversible*. [Do it] [Stop]" {
		t.Error(got)
	}
	if _, _, _, err := c.UpdateMessageContext(t.Context(), "C0INC", ts, slack.MsgOptionBlocks(card()[:2]...)); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Click(t.Context(), "U0ANA", "Approve"); err == nil || !strings.Contains(err.Error(), `has no "Approve"`) {
		t.Error(err)
	}
	if len(m.Now().Buttons()) != 0 {
		t.Error(m.Now().Buttons())
	}
}

func TestWaitingEndsWithTheContextAndSaysWhatWasThere(t *testing.T) {
	t.Parallel()
	s, c := world(t, fakeslack.Config{})
	post(t, c, slack.MsgOptionText("something else", false))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := s.Channel("C0INC").WaitMessage(ctx, "Verified")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "something else") {
		t.Error(err)
	}
}

func TestCallersAreToldApart(t *testing.T) {
	t.Parallel()
	s := fakeslack.New(fakeslack.Config{})
	for _, from := range []string{"", "from/7/"} {
		api := slack.New(s.Config().BotToken, slack.OptionAPIURL("http://slack.test/"+from+"api/"), slack.OptionHTTPClient(&http.Client{Transport: fakeslack.Transport(s)}))
		if _, err := api.AuthTestContext(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	calls := s.Calls("auth.test")
	if len(calls) != 2 || calls[0].From != "" || calls[1].From != "7" {
		t.Errorf("calls %+v, want one of nobody in particular and one from 7", calls)
	}
}
