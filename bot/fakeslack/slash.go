package fakeslack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
)

// Slash types a slash command into a channel: command is "/pointsman", text the rest. What the app answers at once is
// shown in the channel, to the person alone unless it says in_channel.
func (s *Slack) Slash(ctx context.Context, user, channel, command, text string) (Reply, error) {
	s.mu.Lock()
	u, ok := s.user(user)
	c := s.room(channel)
	if !ok || u.Away || c == nil || !c.has(user) {
		s.mu.Unlock()
		return Reply{}, fmt.Errorf("user %s cannot type in channel %s", user, channel)
	}
	fields := map[string]any{
		"token": "deprecated-verification-token", "team_id": s.cfg.TeamID, "team_domain": s.cfg.TeamDomain,
		"channel_id": c.ID, "channel_name": c.Name, "user_id": u.ID, "user_name": u.Name,
		"command": command, "text": text, "api_app_id": s.cfg.AppID, "is_enterprise_install": "false",
		"response_url": s.newHook(c, u.ID, ""), "trigger_id": s.newTrigger(u.ID),
	}
	s.mu.Unlock()
	r, err := s.deliver(ctx, slashCommand, fields)
	s.complain(c, user, command, r, err)
	if err == nil && r.Status == 200 && len(bytes.TrimSpace(r.Body)) > 0 {
		err = s.atOnce(c, user, r.Body)
	}
	return r, err
}

// atOnce shows what came in the answer to a slash command itself: JSON, or bare text.
func (s *Slack) atOnce(c *room, user string, body []byte) error {
	in := &call{method: "response_url"}
	if json.Unmarshal(body, &in.args) != nil {
		in.args = map[string]json.RawMessage{}
		in.args["text"], _ = json.Marshal(string(bytes.TrimSpace(body)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.respond(&hook{room: c, user: user}, in)
}

// Say lets a person write a message, in a thread when thread is not empty. The app is not told: it does not subscribe to
// messages.
func (s *Slack) Say(user, channel, thread, text string) (Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.room(channel)
	if _, ok := s.user(user); !ok || c == nil || !c.has(user) {
		return Message{}, fmt.Errorf("user %s cannot write in channel %s", user, channel)
	}
	return s.say(c, &Message{User: user, ThreadTS: thread, Text: text}).clone(), nil
}
