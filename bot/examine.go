package bot

import (
	"context"
	"fmt"
	"time"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// Examine asks Slack, before anything burns, whether a card could be posted and a click would arrive: the tokens are
// valid, they belong to the configured workspace, and the bot is a member of the channel. Nothing is posted.
func (b *Bot) Examine(ctx context.Context) []pointsman.Fact {
	who, err := b.api.AuthTestContext(ctx)
	if err != nil {
		return []pointsman.Fact{found("slack token", "Slack refuses the bot's token: "+err.Error(), "install the app again and set slack.bot_token_file")}
	}
	out := []pointsman.Fact{found("slack token", "", "", "the token is "+who.User+" of "+who.Team)}
	if who.TeamID != b.cfg.Team && who.EnterpriseID != b.cfg.Team {
		out = append(out, found("slack workspace", fmt.Sprintf("the token is of %s, the configuration says %s: every click would be a stranger's", who.TeamID, b.cfg.Team), "set slack.team: "+who.TeamID))
	}
	// One message of the history needs the membership and the scope that a lost answer will need.
	_, err = b.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{ChannelID: b.cfg.Channel, Limit: 1})
	if err != nil {
		out = append(out, found("slack channel", "the channel "+b.cfg.Channel+" cannot be read: "+err.Error(), "invite the bot with /invite, and give it the scopes of the manifest"))
	} else {
		out = append(out, found("slack channel", "", "", "the bot is in "+b.cfg.Channel))
	}
	if b.cfg.Mode == ModeHTTP {
		return out
	}
	if _, _, err := b.api.StartSocketModeContext(ctx); err != nil {
		return append(out, found("slack socket mode", "Slack opens no connection: "+err.Error(), "set slack.app_token_file to an app-level token with connections:write"))
	}
	return append(out, found("slack socket mode", "", "", "Slack would open a connection"))
}

// found is a fact that holds where problem is empty.
func found(name, problem, clears string, well ...string) pointsman.Fact {
	f := pointsman.Fact{Kind: pointsman.Hard, Name: name, Value: "ready", Result: pointsman.Pass, Source: "slack", At: time.Now()}
	if len(well) > 0 {
		f.Text = well[0]
	}
	if problem != "" {
		f.Value, f.Result, f.Text, f.Clears = "not ready", pointsman.Fail, problem, clears
	}
	return f
}
