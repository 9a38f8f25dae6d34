package fakeslack

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"html"
	"html/template"
	"slices"
	"strings"
)

// channelView is everything the page of a channel shows to one person.
type channelView struct {
	Team, AppName string
	Channel       ChannelConfig
	Direct        bool
	Members       int
	Me            personView
	People        []personView
	Days          []dayView
	Modal         *modalView
}

type dayView struct {
	Label    string
	Messages []messageView
}

type personView struct {
	ID, Name, Title, Initials string
	Color                     template.CSS
}

type messageView struct {
	Channel, TS string
	Author      personView
	App         bool
	Icon        string
	Time, Full  string
	Text        string
	Blocks      []blockView
	Attachments []attachmentView
	Edited      bool
	Only        bool
	Pinned      bool
	Reactions   []reactionView
	Replies     []messageView
}

type reactionView struct {
	Icon  string
	Count int
}

type modalView struct {
	ID, Title, Submit, Close, Hash, Problem string
	Fields                                  []fieldView
}

// fieldView is a block of a modal with what the app said about it.
type fieldView struct {
	Block blockView
	Error string
}

func (s *Slack) drawChannel(channel, user string) (*channelView, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	room := s.room(channel)
	if room == nil {
		return nil, fmt.Errorf("no channel %s", channel)
	}
	if user == "" {
		user = s.users[0].ID
	}
	u, ok := s.user(user)
	if !ok {
		return nil, fmt.Errorf("no user %s", user)
	}
	view := &channelView{
		Team: s.cfg.TeamName, AppName: s.cfg.AppName, Channel: room.ChannelConfig,
		Direct: room.direct != "", Members: len(s.members(room)), Me: person(u),
	}
	for _, other := range s.users {
		view.People = append(view.People, person(other))
	}
	for _, m := range room.messages {
		if m.ThreadTS != "" && !m.Broadcast || m.OnlyTo != "" && m.OnlyTo != user {
			continue
		}
		day := s.day(m.TS)
		if n := len(view.Days); n == 0 || view.Days[n-1].Label != day {
			view.Days = append(view.Days, dayView{Label: day})
		}
		last := &view.Days[len(view.Days)-1]
		last.Messages = append(last.Messages, s.draw(room, m, user))
	}
	if v := s.topView(user); v != nil {
		view.Modal = drawModal(v)
	}
	return view, nil
}

// draw makes a message ready for the page, with the replies that the user sees. The caller holds mu.
func (s *Slack) draw(room *room, m *Message, user string) messageView {
	at, _ := parseTS(m.TS)
	at = at.In(s.cfg.Location)
	out := messageView{
		Channel: m.Channel, TS: m.TS, Time: at.Format("3:04 PM"), Full: at.Format("Monday 2 January 2006, 15:04:05 MST"),
		Text: m.Text, Edited: m.EditedTS != "", Only: m.OnlyTo != "", Pinned: m.Pinned,
		Blocks: decode[[]blockView](m.Blocks), Attachments: decode[[]attachmentView](m.Attachments),
	}
	out.Author, out.App = s.author(m)
	out.Icon = s.cfg.AppIcon
	if name := strings.Trim(m.Icon, ":"); emoji[name] != "" {
		out.Icon = emoji[name]
	}
	for _, r := range m.Reactions {
		icon := emoji[r.Name]
		if icon == "" {
			icon = ":" + r.Name + ":"
		}
		out.Reactions = append(out.Reactions, reactionView{Icon: icon, Count: r.Count})
	}
	if m.ThreadTS != "" {
		return out
	}
	for _, a := range room.messages {
		if a.ThreadTS == m.TS && (a.OnlyTo == "" || a.OnlyTo == user) {
			out.Replies = append(out.Replies, s.draw(room, a, user))
		}
	}
	return out
}

func (s *Slack) author(m *Message) (personView, bool) {
	switch u, ok := s.user(m.User); {
	case ok:
		return person(u), false
	case m.User == slackbot:
		return personView{ID: slackbot, Name: "Slackbot", Initials: "S", Color: "hsl(150 40% 40%)"}, false
	}
	name := s.cfg.AppName
	if m.Name != "" {
		name = m.Name
	}
	return personView{ID: s.cfg.BotUserID, Name: name}, true
}

// person gives everybody initials and a colour that stays the same.
func person(u User) personView {
	name := u.Real
	if name == "" {
		name = u.Name
	}
	initials := ""
	for _, word := range strings.Fields(name) {
		initials += string([]rune(word)[:1])
	}
	sum := fnv.New32a()
	sum.Write([]byte(u.ID))
	return personView{
		ID: u.ID, Name: name, Title: u.Title, Initials: strings.ToUpper(initials[:min(len(initials), 2)]),
		Color: template.CSS(fmt.Sprintf("hsl(%d 45%% 46%%)", sum.Sum32()%360)),
	}
}

func (s *Slack) day(ts string) string {
	at, _ := parseTS(ts)
	at = at.In(s.cfg.Location)
	switch label := pretty(at, s.cfg.Now().In(s.cfg.Location), ""); label {
	case "today", "yesterday":
		return strings.ToUpper(label[:1]) + label[1:]
	}
	return at.Format("Monday, 2 January")
}

func drawModal(v *View) *modalView {
	parts := decode[struct{ Submit, Close textView }](v.raw)
	out := &modalView{ID: v.ID, Title: v.Title, Submit: parts.Submit.Text, Close: parts.Close.Text, Hash: v.Hash, Problem: v.Errors[""]}
	if out.Close == "" {
		out.Close = "Cancel"
	}
	for _, b := range v.Blocks {
		block := decode[blockView](b)
		out.Fields = append(out.Fields, fieldView{Block: block, Error: v.Errors[block.BlockID]})
	}
	// The page redraws a modal only when this changes, so that half-typed answers survive other people's news.
	said, _ := json.Marshal(v.Errors)
	out.Hash += string(said)
	return out
}

// drawText draws a text object: markup, or bare text with emoji names.
func (s *Slack) drawText(t textView) template.HTML {
	if t.Type == "mrkdwn" || t.Type == "markdown" {
		return s.mrkdwn(t.Text)
	}
	return s.plain(t.Text)
}

func (s *Slack) plain(text string) template.HTML {
	out := html.EscapeString(html.UnescapeString(text))
	for i := 0; i < len(out); i++ {
		if name, ok := emojiAt(out[i:]); ok {
			drawn := `<span class="emoji">` + emoji[name] + `</span>`
			out = out[:i] + drawn + out[i+len(name)+2:]
			i += len(drawn) - 1
		}
	}
	return template.HTML(strings.ReplaceAll(out, "\n", "<br>"))
}

// rich draws the inside of a rich_text block.
func (s *Slack) rich(e elementView) template.HTML {
	var out strings.Builder
	inner := func() {
		for _, i := range e.Elements {
			out.WriteString(string(s.rich(i)))
		}
	}
	wrap := map[string][2]string{
		"rich_text_section": {"<div>", "</div>"}, "rich_text_preformatted": {"<pre>", "</pre>"},
		"rich_text_quote": {"<blockquote>", "</blockquote>"},
	}
	switch e.Type {
	case "rich_text_list":
		tag := map[bool]string{true: "ol", false: "ul"}[e.Style.Name == "ordered"]
		out.WriteString("<" + tag + ">")
		for _, i := range e.Elements {
			out.WriteString("<li>" + string(s.rich(i)) + "</li>")
		}
		out.WriteString("</" + tag + ">")
	case "rich_text_section", "rich_text_preformatted", "rich_text_quote":
		out.WriteString(wrap[e.Type][0])
		inner()
		out.WriteString(wrap[e.Type][1])
	case "text":
		out.WriteString(styled(strings.ReplaceAll(html.EscapeString(e.Text.Text), "\n", "<br>"), e.Style.Flags))
	case "link":
		label := e.Text.Text
		if label == "" {
			label = e.URL
		}
		out.WriteString(s.token(html.EscapeString(e.URL) + "|" + html.EscapeString(label)))
	case "user":
		out.WriteString(s.token("@" + e.UserID))
	case "channel":
		out.WriteString(s.token("#" + e.ChannelID))
	case "broadcast":
		out.WriteString(s.token("!" + e.Range))
	case "emoji":
		out.WriteString(string(s.plain(":" + e.Name + ":")))
	}
	return template.HTML(out.String())
}

func styled(text string, flags map[string]bool) string {
	for _, f := range []struct{ flag, tag string }{{"code", "code"}, {"bold", "strong"}, {"italic", "em"}, {"strike", "s"}} {
		if flags[f.flag] {
			text = "<" + f.tag + ">" + text + "</" + f.tag + ">"
		}
	}
	return text
}

// inputView is an element to fill in: as a field of a modal, named by its block, or loose in a message.
type inputView struct {
	Name     string
	Element  elementView
	Required bool
}

func field(block string, e any, optional bool) inputView {
	out := inputView{Required: block != "" && !optional}
	if block != "" {
		out.Name = "field:" + block
	}
	switch e := e.(type) {
	case *elementView:
		out.Element = *e
	case elementView:
		out.Element = e
	}
	return out
}

// choiceView is an option and whether it is chosen at first.
type choiceView struct {
	optionView
	On bool
}

// Chosen lists the options of a select or group for the page.
func (e elementView) Chosen() (out []choiceView) {
	first := initial(e)
	for _, o := range e.all() {
		out = append(out, choiceView{optionView: o, On: slices.Contains(first, o.Value)})
	}
	return out
}

// colour lets a colour through and nothing else: it ends up in a style attribute.
func colour(c string) template.CSS {
	if named := map[string]string{"good": "#2eb67d", "warning": "#ecb22e", "danger": "#e01e5a"}[c]; named != "" {
		return template.CSS(named)
	}
	if hex := strings.TrimPrefix(c, "#"); len(hex) == 6 && strings.Trim(strings.ToLower(hex), "0123456789abcdef") == "" {
		return template.CSS("#" + hex)
	}
	return "#ddd"
}
