package bot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// Examine asks Slack, before anything burns, whether a card could be posted and a click would arrive: the tokens are
// valid, they belong to the configured workspace, and the bot is a member of the channel. Nothing is posted.
func (b *Bot) Examine(ctx context.Context) []pointsman.Fact {
	out := b.examineToken(ctx)
	out = append(out, b.examineAnswers(ctx)...)
	if b.cfg.Mode == ModeHTTP {
		return out
	}
	_, _, err := b.api.StartSocketModeContext(ctx)
	if why, silent := unreached(err); silent {
		return append(out, found("slack socket mode", "Slack cannot be asked: "+why.Error(), "open the way to it in the firewall, or correct slack.api_url"))
	}
	if err != nil {
		return append(out, found("slack socket mode", "Slack opens no connection: "+err.Error(), "set slack.app_token_file to an app-level token with connections:write"))
	}
	return append(out, found("slack socket mode", "", "", "Slack would open a connection"))
}

func (b *Bot) examineToken(ctx context.Context) []pointsman.Fact {
	who, err := b.api.AuthTestContext(ctx)
	if why, silent := unreached(err); silent {
		return []pointsman.Fact{found("slack", "Slack cannot be asked: "+why.Error(), "open the way to it in the firewall, or correct slack.api_url")}
	}
	if err != nil {
		return []pointsman.Fact{found("slack token", "Slack refuses the bot's token: "+err.Error(), "install the app again and set slack.bot_token_file")}
	}
	out := []pointsman.Fact{found("slack token", "", "", "the token is "+who.User+" of "+who.Team)}
	if who.TeamID != b.cfg.Team {
		out = append(out, found("slack workspace", fmt.Sprintf("the token is of %s, the configuration says %s: every click would be a stranger's", who.TeamID, b.cfg.Team), "set slack.team: "+who.TeamID))
	}
	// One message of the history needs the membership and the scope that a lost answer will need.
	_, err = b.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{ChannelID: b.cfg.Channel, Limit: 1})
	if err != nil {
		return append(out, found("slack channel", "the channel "+b.cfg.Channel+" cannot be read: "+err.Error(), "invite the bot with /invite, and give it the scopes of the manifest"))
	}
	return append(out, found("slack channel", "", "", "the bot is in "+b.cfg.Channel))
}

// examineAnswers looks whether the hosts of private answers can be reached. Without them the bot posts such an answer for
// one reader in the channel, so it only warns.
func (b *Bot) examineAnswers(ctx context.Context) []pointsman.Fact {
	var out []pointsman.Fact
	for _, host := range b.Handler.replies.allowed {
		f := found("slack answers", "", "", host+" answers")
		req, err := http.NewRequestWithContext(ctx, http.MethodHead, host, http.NoBody)
		if err == nil {
			var res *http.Response
			if res, err = b.Handler.replies.client.Do(req); err == nil {
				_ = res.Body.Close() // a HEAD has none
			}
		}
		if err != nil {
			why, _ := unreached(err)
			f = found("slack answers", "private answers cannot be sent to "+host+": "+why.Error(), "open the way to it in the firewall, or correct slack.response_hosts")
			f.Kind = pointsman.Warn
		}
		out = append(out, f)
	}
	return out
}

// unreached says whether nobody answered at all, and why, without the address: that may hold a token.
func unreached(err error) (why error, silent bool) {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err, true
	}
	return err, false
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
