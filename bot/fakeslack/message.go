package fakeslack

import (
	"encoding/json"
	"html"
	"regexp"
	"slices"
	"strings"
)

// Message is one message as it stood when it was read. Its methods act on the living message in the channel.
type Message struct {
	Channel     string
	TS          string // "1763697600.000100": its time and, with the channel, its name
	ThreadTS    string // the parent's TS when it is a reply
	User        string // who said it; the bot's user id for the app
	Text        string // what notifications show; the message itself when there are no blocks
	Blocks      []Block
	Attachments []map[string]any
	Metadata    *Metadata
	OnlyTo      string // an ephemeral message: the one user who sees it
	Name, Icon  string // overridden by the app's username and icon_emoji
	EditedTS    string // "" when never edited
	Versions    []Version
	Reactions   []Reaction
	Pinned      bool
	Broadcast   bool // a reply that is also sent to the channel

	slack *Slack
}

// Metadata is the machine-readable part of a message.
type Metadata struct {
	EventType    string         `json:"event_type"`
	EventPayload map[string]any `json:"event_payload"`
}

// Version is what a message said before an edit.
type Version struct {
	Text   string
	Blocks []Block
}

// Reaction is an emoji under a message.
type Reaction struct {
	Name  string   `json:"name"`
	Users []string `json:"users"`
	Count int      `json:"count"`
}

// clone is a copy that later edits do not reach. Blocks are replaced as a whole and never changed, so they are shared.
func (m *Message) clone() Message {
	c := *m
	c.Versions, c.Reactions = slices.Clone(m.Versions), slices.Clone(m.Reactions)
	return c
}

// Visible is what a person reads in the message: its blocks, or its text when it has none; buttons in brackets.
func (m Message) Visible() string {
	var lines []string
	for _, b := range m.Blocks {
		lines = append(lines, visibleBlock(decode[blockView](b))...)
	}
	if len(m.Blocks) == 0 {
		lines = append(lines, m.Text)
	}
	for _, a := range m.Attachments {
		lines = append(lines, visibleAttachment(a)...)
	}
	return strings.Join(lines, "\n")
}

func visibleBlock(b blockView) (lines []string) {
	for _, t := range append([]textView{b.Text, b.Title, b.Label, b.Hint}, b.Fields...) {
		if t.Text != "" {
			lines = append(lines, t.Text)
		}
	}
	elements := b.Elements
	if b.Accessory != nil {
		elements = append(slices.Clone(elements), *b.Accessory)
	}
	for _, e := range elements {
		lines = append(lines, visibleElement(e))
	}
	return lines
}

func visibleElement(e elementView) string {
	switch {
	case e.Type == "button":
		return "[" + e.Text.Text + "]"
	case len(e.Options) > 0:
		var labels []string
		for _, o := range e.Options {
			labels = append(labels, o.Text.Text)
		}
		return "[" + strings.Join(labels, " | ") + "]"
	case len(e.Elements) > 0:
		var inner strings.Builder
		for _, i := range e.Elements {
			inner.WriteString(visibleElement(i))
		}
		return inner.String()
	}
	return e.Text.Text
}

func visibleAttachment(a map[string]any) (lines []string) {
	v := decode[attachmentView](a)
	for _, t := range []string{v.Pretext, v.Title, v.Text} {
		if t != "" {
			lines = append(lines, t)
		}
	}
	for _, f := range v.Fields {
		lines = append(lines, f.Title, f.Value)
	}
	for _, b := range v.Blocks {
		lines = append(lines, visibleBlock(b)...)
	}
	return lines
}

var tags = regexp.MustCompile(`<[^>]*>`)

// Plain is Visible as it looks on the screen: without markup, with names instead of ids and dates written out.
func (m Message) Plain() string {
	return html.UnescapeString(tags.ReplaceAllString(strings.ReplaceAll(string(m.slack.mrkdwn(m.Visible())), "<br>", "\n"), ""))
}

var mentioned = regexp.MustCompile(`<([@!])([^>|]+)[^>]*>`)

// Rings are the users whom Slack would notify of the message: those of the workspace whom its text mentions, and "channel",
// "here" or "everyone" where it is for all of them.
func (m Message) Rings() (out []string) {
	for _, found := range mentioned.FindAllStringSubmatch(m.Text, -1) {
		all := found[1] == "!" && slices.Contains([]string{"channel", "here", "everyone"}, found[2])
		one := found[1] == "@" && slices.ContainsFunc(m.slack.cfg.Users, func(u User) bool { return u.ID == found[2] })
		if all || one {
			out = append(out, found[2])
		}
	}
	return out
}

// Says reports whether a person reads every one of the texts in the message, in its markup or as it looks.
func (m Message) Says(texts ...string) bool {
	visible := m.Visible()
	plain := ""
	for _, t := range texts {
		if strings.Contains(visible, t) {
			continue
		}
		if plain == "" {
			plain = m.Plain()
		}
		if !strings.Contains(plain, t) {
			return false
		}
	}
	return true
}

// JSON is the message as conversations.history gives it, with its metadata.
func (m Message) JSON() json.RawMessage {
	raw, _ := json.Marshal(m.slack.wire(&m, true))
	return raw
}

// decode reads a loosely typed value into a view of it. What does not fit was refused before it was stored.
func decode[T any](v any) T {
	var out T
	raw, err := json.Marshal(v)
	if err == nil {
		_ = json.Unmarshal(raw, &out)
	}
	return out
}
