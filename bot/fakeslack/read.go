package fakeslack

import (
	"slices"
	"strings"
)

// wire is a message as the Web API and interactions give it.
func (s *Slack) wire(m *Message, metadata bool) reply {
	out := reply{"type": "message", "ts": m.TS, "text": m.Text, "user": m.User, "team": s.cfg.TeamID}
	if m.User == s.cfg.BotUserID {
		out["bot_id"], out["app_id"] = s.cfg.BotID, s.cfg.AppID
		out["bot_profile"] = reply{"id": s.cfg.BotID, "app_id": s.cfg.AppID, "name": s.cfg.AppName, "team_id": s.cfg.TeamID}
	}
	if len(m.Blocks) > 0 {
		out["blocks"] = m.Blocks
	}
	if len(m.Attachments) > 0 {
		out["attachments"] = m.Attachments
	}
	if m.ThreadTS != "" {
		out["thread_ts"] = m.ThreadTS
	}
	if m.EditedTS != "" {
		out["edited"] = reply{"user": m.User, "ts": m.EditedTS}
	}
	if len(m.Reactions) > 0 {
		out["reactions"] = m.Reactions
	}
	if m.Pinned {
		out["pinned_to"] = []string{m.Channel}
	}
	if m.Metadata != nil && metadata {
		out["metadata"] = m.Metadata
	}
	return out
}

// thread adds what only the first message of a thread carries.
func (s *Slack) thread(c *room, m *Message, metadata bool) reply {
	out := s.wire(m, metadata)
	answers := c.answers(m.TS)
	if len(answers) > 0 {
		var users []string
		for _, a := range answers {
			if !slices.Contains(users, a.User) {
				users = append(users, a.User)
			}
		}
		out["thread_ts"], out["reply_count"], out["reply_users"] = m.TS, len(answers), users
		out["reply_users_count"], out["latest_reply"] = len(users), answers[len(answers)-1].TS
	}
	return out
}

// answers lists the replies below a message that everybody sees.
func (c *room) answers(ts string) (out []*Message) {
	for _, m := range c.messages {
		if m.ThreadTS == ts && m.OnlyTo == "" {
			out = append(out, m)
		}
	}
	return out
}

func (s *Slack) history(c *call) (reply, error) {
	room, err := s.readable(c)
	if err != nil {
		return nil, err
	}
	var list []*Message
	for _, m := range slices.Backward(room.messages) { // newest first
		if m.OnlyTo == "" && (m.ThreadTS == "" || m.Broadcast) && within(c, m.TS) {
			list = append(list, m)
		}
	}
	return s.page(c, room, list)
}

func (s *Slack) replies(c *call) (reply, error) {
	room, err := s.readable(c)
	if err != nil {
		return nil, err
	}
	parent := room.find(c.text("ts"))
	if parent == nil || parent.OnlyTo != "" {
		return nil, refuse("thread_not_found")
	}
	list := []*Message{parent} // always there, whatever the limits; then oldest first
	for _, m := range room.answers(parent.TS) {
		if within(c, m.TS) {
			list = append(list, m)
		}
	}
	return s.page(c, room, list)
}

func (s *Slack) readable(c *call) (*room, error) {
	room := s.room(c.text("channel"))
	if room == nil {
		return nil, refuse("channel_not_found")
	}
	if room.WithoutApp {
		return nil, refuse("not_in_channel")
	}
	return room, nil
}

// within applies oldest, latest and inclusive. Timestamps of one length compare as text.
func within(c *call, ts string) bool {
	oldest, latest, inclusive := pad(c.text("oldest")), pad(c.text("latest")), c.flag("inclusive")
	if oldest != "" && (ts < oldest || ts == oldest && !inclusive) {
		return false
	}
	return latest == "" || ts < latest || ts == latest && inclusive
}

// pad completes "1763697600" or "1763697600.5" to a full timestamp.
func pad(ts string) string {
	whole, part, _ := strings.Cut(ts, ".")
	if whole == "" || whole == "0" {
		return ""
	}
	return whole + "." + part + strings.Repeat("0", max(0, 6-len(part)))
}

// page cuts the list at the limit; the cursor is the timestamp of the first message of the next page.
func (s *Slack) page(c *call, room *room, list []*Message) (reply, error) {
	limit := c.number("limit", 100)
	if limit < 1 || limit > 999 {
		return nil, refuse("invalid_limit")
	}
	if cursor := c.text("cursor"); cursor != "" {
		at := slices.IndexFunc(list, func(m *Message) bool { return m.TS == cursor })
		if at < 0 {
			return nil, refuse("invalid_cursor")
		}
		list = list[at:]
	}
	out := reply{"has_more": len(list) > limit, "pin_count": 0}
	if len(list) > limit {
		out["response_metadata"] = reply{"next_cursor": list[limit].TS}
		list = list[:limit]
	}
	messages := []reply{}
	for _, m := range list {
		messages = append(messages, s.thread(room, m, c.flag("include_all_metadata")))
	}
	out["messages"] = messages
	return out, nil
}

func (s *Slack) authTest(*call) (reply, error) {
	return reply{
		"url": s.cfg.BaseURL + "/", "team": s.cfg.TeamName, "user": strings.ToLower(s.cfg.AppName),
		"team_id": s.cfg.TeamID, "user_id": s.cfg.BotUserID, "bot_id": s.cfg.BotID, "is_enterprise_install": false,
	}, nil
}

func (s *Slack) wireChannel(c *room) reply {
	return reply{
		"id": c.ID, "name": c.Name, "is_channel": c.direct == "", "is_im": c.direct != "", "is_private": c.Private,
		"is_archived": c.Archived, "is_member": !c.WithoutApp, "created": 1700000000,
		"topic": reply{"value": c.Topic}, "purpose": reply{"value": ""}, "num_members": len(s.members(c)),
	}
}

func (s *Slack) members(c *room) []string {
	out := []string{s.cfg.BotUserID}
	for _, u := range s.users {
		if c.has(u.ID) {
			out = append(out, u.ID)
		}
	}
	return out
}

func (s *Slack) channelInfo(c *call) (reply, error) {
	room := s.room(c.text("channel"))
	if room == nil {
		return nil, refuse("channel_not_found")
	}
	return reply{"channel": s.wireChannel(room)}, nil
}

func (s *Slack) channelList(*call) (reply, error) {
	list := []reply{}
	for _, c := range s.rooms {
		if c.direct == "" {
			list = append(list, s.wireChannel(c))
		}
	}
	return reply{"channels": list, "response_metadata": reply{"next_cursor": ""}}, nil
}

func (s *Slack) channelMembers(c *call) (reply, error) {
	room := s.room(c.text("channel"))
	if room == nil {
		return nil, refuse("channel_not_found")
	}
	return reply{"members": s.members(room), "response_metadata": reply{"next_cursor": ""}}, nil
}

func (s *Slack) openDirect(c *call) (reply, error) {
	if _, ok := s.user(c.text("users")); !ok {
		return nil, refuse("user_not_found")
	}
	return reply{"channel": reply{"id": s.room(c.text("users")).ID}}, nil
}

func (s *Slack) wireUser(u User) reply {
	return reply{
		"id": u.ID, "team_id": s.cfg.TeamID, "name": u.Name, "real_name": u.Real, "deleted": u.Away, "is_bot": false,
		"tz":      s.cfg.Location.String(),
		"profile": reply{"real_name": u.Real, "display_name": u.Name, "title": u.Title, "email": u.Email, "team": s.cfg.TeamID},
	}
}

func (s *Slack) userInfo(c *call) (reply, error) {
	u, ok := s.user(c.text("user"))
	if !ok {
		return nil, refuse("user_not_found")
	}
	return reply{"user": s.wireUser(u)}, nil
}

func (s *Slack) userByEmail(c *call) (reply, error) {
	for _, u := range s.users {
		if u.Email != "" && strings.EqualFold(u.Email, c.text("email")) {
			return reply{"user": s.wireUser(u)}, nil
		}
	}
	return nil, refuse("users_not_found")
}

func (s *Slack) userList(*call) (reply, error) {
	list := []reply{}
	for _, u := range s.users {
		list = append(list, s.wireUser(u))
	}
	return reply{"members": list, "response_metadata": reply{"next_cursor": ""}}, nil
}
