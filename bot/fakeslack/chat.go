package fakeslack

import (
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// content is what chat.postMessage, chat.update and chat.postEphemeral have in common.
type content struct {
	text        string
	blocks      []Block
	attachments []map[string]any
	metadata    *Metadata
	hasText     bool
	hasBlocks   bool
	hasAttached bool
}

func (s *Slack) content(c *call, textLimit int) (content, error) {
	var (
		in  content
		err error
	)
	in.text, in.hasText = c.text("text"), c.has("text") && c.text("text") != ""
	if n := utf8.RuneCountInString(in.text); n > textLimit {
		return in, refuse("msg_too_long", fmt.Sprintf("text has %d characters, limit %d", n, textLimit))
	}
	if in.blocks, in.hasBlocks, err = s.readBlocks(c); err != nil {
		return in, err
	}
	if in.hasAttached, err = c.json("attachments", &in.attachments); err != nil {
		return in, refuse("invalid_attachments")
	}
	if len(in.attachments) > 100 {
		return in, refuse("too_many_attachments")
	}
	for i, a := range in.attachments {
		var inner []Block
		for _, b := range asList(a["blocks"]) {
			block, _ := b.(map[string]any)
			inner = append(inner, block)
		}
		if err := checkBlocks(inner, maxBlocks, "attachments", strconv.Itoa(i), "blocks"); err != nil {
			return in, err
		}
		s.withIDs(inner)
	}
	in.metadata, err = readMetadata(c)
	return in, err
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}

func (in content) empty() bool {
	return in.text == "" && len(in.blocks) == 0 && len(in.attachments) == 0
}

// postable finds the channel of a post, or says why nothing can be posted there.
func (s *Slack) postable(id string) (*room, error) {
	c := s.room(id)
	switch {
	case c == nil:
		return nil, refuse("channel_not_found")
	case c.Archived:
		return nil, refuse("is_archived")
	case c.WithoutApp:
		return nil, refuse("not_in_channel")
	}
	return c, nil
}

func (s *Slack) postMessage(c *call) (reply, error) {
	room, err := s.postable(c.text("channel"))
	if err != nil {
		return nil, err
	}
	in, err := s.content(c, maxText)
	if err != nil {
		return nil, err
	}
	if in.empty() {
		return nil, refuse("no_text")
	}
	thread := c.text("thread_ts")
	if thread != "" {
		switch parent := room.find(thread); {
		case parent == nil || parent.OnlyTo != "":
			return nil, refuse("thread_not_found")
		case parent.ThreadTS != "":
			return nil, refuse("cannot_reply_to_message") // a reply has no thread of its own
		}
	}
	if err := s.takePost(room.ID); err != nil {
		return nil, err
	}
	m := s.say(room, &Message{
		User: s.cfg.BotUserID, ThreadTS: thread, Text: in.text, Blocks: in.blocks, Attachments: in.attachments,
		Metadata: in.metadata, Name: c.text("username"), Icon: c.text("icon_emoji"), Broadcast: c.flag("reply_broadcast"),
	})
	return reply{"channel": room.ID, "ts": m.TS, "message": s.wire(m, true)}, nil
}

// say adds a message to a channel. The caller holds mu.
func (s *Slack) say(c *room, m *Message) *Message {
	m.Channel, m.TS, m.slack = c.ID, s.stamp(), s
	c.messages = append(c.messages, m)
	s.notify()
	return m
}

func (s *Slack) updateMessage(c *call) (reply, error) {
	room := s.room(c.text("channel"))
	if room == nil {
		return nil, refuse("channel_not_found")
	}
	if room.Archived {
		return nil, refuse("is_archived")
	}
	m := room.find(c.text("ts"))
	switch {
	case m == nil || m.OnlyTo != "": // an ephemeral message cannot be edited by its ts
		return nil, refuse("message_not_found")
	case m.User != s.cfg.BotUserID:
		return nil, refuse("cant_update_message")
	}
	in, err := s.content(c, maxUpdateText)
	if err != nil {
		return nil, err
	}
	if !in.hasText && !in.hasBlocks && !in.hasAttached {
		return nil, refuse("no_text")
	}
	s.edit(m, in)
	return reply{"channel": room.ID, "ts": m.TS, "text": m.Text, "message": s.wire(m, true)}, nil
}

// edit follows https://docs.slack.dev/reference/methods/chat.update: blocks stay only when no text comes without them,
// metadata and attachments stay unless given, and the mark "edited" is shown for text, not for blocks.
func (s *Slack) edit(m *Message, in content) {
	m.Versions = append(m.Versions, Version{Text: m.Text, Blocks: m.Blocks})
	if in.hasText || in.hasBlocks {
		m.Text = in.text
	}
	if in.hasBlocks || in.hasText {
		m.Blocks = in.blocks
	}
	if in.hasAttached {
		m.Attachments = in.attachments
	}
	if in.metadata != nil {
		m.Metadata = in.metadata
	}
	if len(m.Blocks) == 0 {
		m.EditedTS = s.stamp()
	}
	s.notify()
}

func (s *Slack) postEphemeral(c *call) (reply, error) {
	room, err := s.postable(c.text("channel"))
	if err != nil {
		return nil, err
	}
	user := c.text("user")
	if _, ok := s.user(user); !ok || !room.has(user) {
		return nil, refuse("user_not_in_channel")
	}
	in, err := s.content(c, maxText)
	if err != nil {
		return nil, err
	}
	if in.empty() {
		return nil, refuse("no_text")
	}
	m := s.say(room, &Message{
		User: s.cfg.BotUserID, OnlyTo: user, ThreadTS: c.text("thread_ts"), Text: in.text, Blocks: in.blocks,
		Attachments: in.attachments,
	})
	return reply{"message_ts": m.TS}, nil
}

func (s *Slack) deleteMessage(c *call) (reply, error) {
	room := s.room(c.text("channel"))
	if room == nil {
		return nil, refuse("channel_not_found")
	}
	m := room.find(c.text("ts"))
	switch {
	case m == nil || m.OnlyTo != "":
		return nil, refuse("message_not_found")
	case m.User != s.cfg.BotUserID:
		return nil, refuse("cant_delete_message")
	}
	room.remove(m)
	return reply{"channel": room.ID, "ts": m.TS}, nil
}

func (c *room) remove(m *Message) {
	c.messages = slices.DeleteFunc(c.messages, func(o *Message) bool { return o == m })
}

func (s *Slack) permalink(c *call) (reply, error) {
	room := s.room(c.text("channel"))
	if room == nil {
		return nil, refuse("channel_not_found")
	}
	m := room.find(c.text("message_ts"))
	if m == nil {
		return nil, refuse("message_not_found")
	}
	return reply{"channel": room.ID, "permalink": s.cfg.BaseURL + "/message/" + room.ID + "/" + m.TS}, nil
}

func (s *Slack) react(c *call) (reply, error) {
	m, err := s.target(c)
	if err != nil {
		return nil, err
	}
	name, bot := c.text("name"), s.cfg.BotUserID
	if name == "" {
		return nil, refuse("invalid_name")
	}
	at := slices.IndexFunc(m.Reactions, func(r Reaction) bool { return r.Name == name })
	mine := at >= 0 && slices.Contains(m.Reactions[at].Users, bot)
	switch adding := c.method == "reactions.add"; {
	case adding && mine:
		return nil, refuse("already_reacted")
	case !adding && !mine:
		return nil, refuse("no_reaction")
	case !adding:
		m.Reactions = slices.Delete(slices.Clone(m.Reactions), at, at+1)
	default:
		m.Reactions = append(slices.Clone(m.Reactions), Reaction{Name: name, Users: []string{bot}, Count: 1})
	}
	return reply{}, nil
}

func (s *Slack) pin(c *call) (reply, error) {
	m, err := s.target(c)
	if err != nil {
		return nil, err
	}
	adding := c.method == "pins.add"
	if m.Pinned == adding {
		return nil, refuse(map[bool]string{true: "already_pinned", false: "no_pin"}[adding])
	}
	m.Pinned = adding
	return reply{}, nil
}

// target finds the message that reactions and pins name by channel and timestamp.
func (s *Slack) target(c *call) (*Message, error) {
	room := s.room(c.text("channel"))
	if room == nil {
		return nil, refuse("channel_not_found")
	}
	m := room.find(c.text("timestamp"))
	if m == nil || m.OnlyTo != "" {
		return nil, refuse("message_not_found")
	}
	return m, nil
}
