package fakeslack_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman/bot/fakeslack"
)

func repeat(n int, b func(int) slack.Block) []slack.Block {
	out := make([]slack.Block, n)
	for i := range out {
		out[i] = b(i)
	}
	return out
}

func section(text string) slack.Block { return slack.NewSectionBlock(mrkdwn(text), nil, nil) }

func TestPost(t *testing.T) {
	t.Parallel()
	styled := func(style slack.Style) slack.Block {
		return slack.NewActionBlock("", button("a", "Approve").WithStyle(style))
	}
	for name, test := range map[string]struct {
		blocks []slack.Block
		text   string
		code   string
		says   string
	}{
		"50 blocks pass":            {blocks: repeat(50, func(int) slack.Block { return slack.NewDividerBlock() })},
		"51 blocks":                 {blocks: repeat(51, func(int) slack.Block { return slack.NewDividerBlock() }), code: "invalid_blocks", says: "no more than 50 items allowed [json-pointer:/blocks]"},
		"75-char button passes":     {blocks: []slack.Block{slack.NewActionBlock("", button("a", strings.Repeat("x", 75)))}},
		"76-char button":            {blocks: []slack.Block{slack.NewActionBlock("", button("a", strings.Repeat("x", 76)))}, code: "invalid_blocks", says: "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]"},
		"button value of 2001":      {blocks: []slack.Block{slack.NewActionBlock("", slack.NewButtonBlockElement("a", strings.Repeat("x", 2001), plainText("x")))}, code: "invalid_blocks", says: "must be less than 2001 characters"},
		"button of markup":          {blocks: []slack.Block{slack.NewActionBlock("", slack.NewButtonBlockElement("a", "", mrkdwn("*x*")))}, code: "invalid_blocks", says: "unsupported type: mrkdwn [json-pointer:/blocks/0/elements/0/text/type]"},
		"style default":             {blocks: []slack.Block{styled("default")}, code: "invalid_blocks", says: "/blocks/0/elements/0/style"},
		"header of markup":          {blocks: []slack.Block{slack.NewHeaderBlock(mrkdwn("*x*"))}, code: "invalid_blocks", says: "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]"},
		"header of 151":             {blocks: []slack.Block{slack.NewHeaderBlock(plainText(strings.Repeat("x", 151)))}, code: "invalid_blocks", says: "must be less than 151 characters"},
		"section of 3001":           {blocks: []slack.Block{section(strings.Repeat("é", 3001))}, code: "invalid_blocks", says: "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"},
		"section of 3000 passes":    {blocks: []slack.Block{section(strings.Repeat("é", 3000))}},
		"empty section text":        {blocks: []slack.Block{section("")}, code: "invalid_blocks", says: "must be more than 0 characters"},
		"section without text":      {blocks: []slack.Block{slack.NewSectionBlock(nil, nil, nil)}, code: "invalid_blocks", says: "missing required field: text or fields"},
		"11 fields":                 {blocks: []slack.Block{slack.NewSectionBlock(nil, []*slack.TextBlockObject{mrkdwn("1"), mrkdwn("2"), mrkdwn("3"), mrkdwn("4"), mrkdwn("5"), mrkdwn("6"), mrkdwn("7"), mrkdwn("8"), mrkdwn("9"), mrkdwn("10"), mrkdwn("11")}, nil)}, code: "invalid_blocks", says: "no more than 10 items"},
		"26 buttons":                {blocks: []slack.Block{slack.NewActionBlock("", many(26)...)}, code: "invalid_blocks", says: "no more than 25 items"},
		"no buttons":                {blocks: []slack.Block{slack.NewActionBlock("x")}, code: "invalid_blocks", says: "/blocks/0/elements"},
		"action_id twice":           {blocks: []slack.Block{slack.NewActionBlock("", button("a", "x"), button("a", "y"))}, code: "invalid_blocks", says: "action_id already exists: a"},
		"block_id twice":            {blocks: []slack.Block{slack.NewActionBlock("b", button("a", "x")), slack.NewActionBlock("b", button("a", "x"))}, code: "invalid_blocks", says: "block_id already exists: b"},
		"empty block_ids pass":      {blocks: []slack.Block{slack.NewDividerBlock(), slack.NewDividerBlock()}},
		"six overflow options":      {blocks: []slack.Block{slack.NewActionBlock("", slack.NewOverflowBlockElement("o", options(6)...))}, code: "invalid_blocks", says: "no more than 5 items"},
		"select without options":    {blocks: []slack.Block{slack.NewActionBlock("", slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plainText("p"), "s"))}, code: "invalid_blocks", says: "options or option_groups"},
		"invented block":            {blocks: []slack.Block{slack.NewActionBlock("b", button("a", "x")), &slack.DividerBlock{Type: "hologram"}}, code: "invalid_blocks", says: "unsupported type: hologram [json-pointer:/blocks/1/type]"},
		"13,000 characters of text": {blocks: repeat(5, func(int) slack.Block { return section(strings.Repeat("x", 2600)) }), code: "msg_blocks_too_long"},
		"text of 40,001":            {text: strings.Repeat("x", 40_001), code: "msg_too_long"},
		"nothing":                   {code: "no_text"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, c := world(t, fakeslack.Config{})
			options := []slack.MsgOption{slack.MsgOptionText(test.text, false)}
			if test.blocks != nil {
				options = append(options, slack.MsgOptionBlocks(test.blocks...))
			}
			_, _, err := c.PostMessageContext(t.Context(), "C0INC", options...)
			got, says := code(err)
			if got != test.code || !strings.Contains(says, test.says) {
				t.Errorf("answered %q %s (%v), want %q %s", got, says, err, test.code, test.says)
			}
		})
	}
}

func many(n int) (out []slack.BlockElement) {
	for i := range n {
		out = append(out, button(fmt.Sprint("a", i), "x"))
	}
	return out
}

func options(n int) (out []*slack.OptionBlockObject) {
	for i := range n {
		out = append(out, slack.NewOptionBlockObject(fmt.Sprint("v", i), plainText("x"), nil))
	}
	return out
}

func TestRefused(t *testing.T) {
	t.Parallel()
	s, c := world(t, fakeslack.Config{Channels: []fakeslack.ChannelConfig{
		{ID: "C0INC", Name: "incidents"}, {ID: "C0OLD", Archived: true}, {ID: "C0FAR", WithoutApp: true}, {ID: "C0FEW", Members: []string{"U0ANA"}},
	}})
	hello := slack.MsgOptionText("hello", false)
	mine := post(t, c, hello)
	theirs, err := s.Say("U0ANA", "C0INC", "", "hi")
	if err != nil {
		t.Fatal(err)
	}
	ephemeral, err := c.PostEphemeralContext(t.Context(), "C0INC", "U0ANA", hello)
	if err != nil {
		t.Fatal(err)
	}
	reply := post(t, c, hello, slack.MsgOptionTS(mine))
	update := func(ts string, o ...slack.MsgOption) error {
		_, _, _, err := c.UpdateMessageContext(t.Context(), "C0INC", ts, o...)
		return err
	}
	to := func(channel string, o ...slack.MsgOption) error {
		_, _, err := c.PostMessageContext(t.Context(), channel, append(o, hello)...)
		return err
	}
	_, alone := c.PostEphemeralContext(t.Context(), "C0FEW", "U0BEN", hello)
	react := func(name string) error {
		return c.AddReactionContext(t.Context(), name, slack.NewRefToMessage("C0INC", mine))
	}
	stranger := slack.New("xoxb-other", slack.OptionAPIURL("http://slack.test/api/"), slack.OptionHTTPClient(&http.Client{Transport: fakeslack.Transport(s)}))
	_, invalid := stranger.AuthTestContext(t.Context())
	swapped := slack.New(s.Config().AppToken, slack.OptionAPIURL("http://slack.test/api/"), slack.OptionHTTPClient(&http.Client{Transport: fakeslack.Transport(s)}))
	_, kind := swapped.AuthTestContext(t.Context())
	_, nobody := c.GetUserInfoContext(t.Context(), "U0NOBODY")
	_, unknown := c.CreateConversationContext(t.Context(), slack.CreateConversationParams{ChannelName: "x"})

	for name, test := range map[string]struct {
		err  error
		code string
	}{
		"unknown channel":            {to("C0NONE"), "channel_not_found"},
		"archived channel":           {to("C0OLD"), "is_archived"},
		"channel without the app":    {to("C0FAR"), "not_in_channel"},
		"thread of nothing":          {to("C0INC", slack.MsgOptionTS("1.000001")), "thread_not_found"},
		"thread of a reply":          {to("C0INC", slack.MsgOptionTS(reply)), "cannot_reply_to_message"},
		"channel by name":            {to("#incidents"), ""},
		"direct message":             {to("U0ANA"), ""},
		"update of nothing":          {update("1.000001", hello), "message_not_found"},
		"update of an ephemeral":     {update(ephemeral, hello), "message_not_found"},
		"update of a person's words": {update(theirs.TS, hello), "cant_update_message"},
		"update of 4,001":            {update(mine, slack.MsgOptionText(strings.Repeat("x", 4001), false)), "msg_too_long"},
		"update with nothing":        {update(mine), "no_text"},
		"ephemeral to an outsider":   {alone, "user_not_in_channel"},
		"reaction":                   {react("eyes"), ""},
		"reaction twice":             {react("eyes"), "already_reacted"},
		"wrong token":                {invalid, "invalid_auth"},
		"app token for the bot":      {kind, "not_allowed_token_type"},
		"unknown user":               {nobody, "user_not_found"},
		"unknown method":             {unknown, "unknown_method"},
	} {
		if got, says := code(test.err); got != test.code {
			t.Errorf("%s: answered %q %s, want %q", name, got, says, test.code)
		}
	}
}

func TestAMissingScopeIsNamed(t *testing.T) {
	t.Parallel()
	_, c := world(t, fakeslack.Config{Scopes: []string{"commands"}})
	_, _, err := c.PostMessageContext(t.Context(), "C0INC", slack.MsgOptionText("hello", false))
	if got, _ := code(err); got != "missing_scope" {
		t.Error(err)
	}
}
