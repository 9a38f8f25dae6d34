package fakeslack

import (
	"html"
	"html/template"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mrkdwn draws Slack's markup as HTML: https://docs.slack.dev/messaging/formatting-message-text. What it does not know it
// shows as it is, escaped.
func (s *Slack) mrkdwn(text string) template.HTML {
	var out strings.Builder
	for i, part := range strings.Split(text, "```") {
		if i%2 == 1 {
			out.WriteString("<pre>" + s.inCode(strings.Trim(part, "\n")) + "</pre>")
			continue
		}
		if i > 0 {
			part = strings.TrimPrefix(part, "\n")
		}
		s.paragraphs(&out, strings.TrimSuffix(part, "\n"))
	}
	return template.HTML(out.String())
}

// paragraphs draws the lines outside code blocks, quoted lines together.
func (s *Slack) paragraphs(out *strings.Builder, text string) {
	if text == "" {
		return
	}
	quoted := false
	for i, line := range strings.Split(text, "\n") {
		rest, quote := strings.CutPrefix(line, "&gt;")
		if !quote {
			rest, quote = strings.CutPrefix(line, ">")
		}
		switch {
		case quote && !quoted:
			out.WriteString("<blockquote>")
		case !quote && quoted:
			out.WriteString("</blockquote>")
		case i > 0:
			out.WriteString("<br>")
		}
		if quoted = quote; quote {
			line = strings.TrimPrefix(rest, " ")
		}
		out.WriteString(s.inline(line))
	}
	if quoted {
		out.WriteString("</blockquote>")
	}
}

var wraps = map[byte]string{'*': "strong", '_': "em", '~': "s"}

// inline draws one line.
func (s *Slack) inline(line string) string {
	var out strings.Builder
	for i := 0; i < len(line); {
		c := line[i]
		switch {
		case c == '`':
			if end := strings.IndexByte(line[i+1:], '`'); end > 0 {
				out.WriteString("<code>" + s.inCode(line[i+1:i+1+end]) + "</code>")
				i += end + 2
				continue
			}
		case c == '<':
			if end := strings.IndexByte(line[i:], '>'); end > 1 {
				out.WriteString(s.token(line[i+1 : i+end]))
				i += end + 1
				continue
			}
		case wraps[c] != "" && opens(line, i):
			if end := closing(line, i); end > 0 {
				tag := wraps[c]
				out.WriteString("<" + tag + ">" + s.inline(line[i+1:end]) + "</" + tag + ">")
				i = end + 1
				continue
			}
		case c == ':':
			if name, ok := emojiAt(line[i:]); ok {
				out.WriteString(`<span class="emoji">` + emoji[name] + `</span>`)
				i += len(name) + 2
				continue
			}
		}
		_, size := utf8.DecodeRuneInString(line[i:])
		out.WriteString(escape(line[i : i+size]))
		i += size
	}
	return out.String()
}

// escape keeps the three entities of Slack (&amp; &lt; &gt;) as they are and escapes everything else.
func escape(t string) string {
	if t == "&" {
		return t // starts an entity; a bare one is shown as such by browsers
	}
	return html.EscapeString(t)
}

func (s *Slack) inCode(t string) string {
	return html.EscapeString(html.UnescapeString(t))
}

// opens tells a mark that starts a span: at the start or after a space or punctuation, with something right behind it.
func opens(line string, i int) bool {
	before, _ := utf8.DecodeLastRuneInString(line[:i])
	after, _ := utf8.DecodeRuneInString(line[i+1:])
	return (i == 0 || !unicode.IsLetter(before) && !unicode.IsDigit(before)) && i+1 < len(line) && !unicode.IsSpace(after) && after != rune(line[i])
}

// closing finds the mark that ends the span begun at i, jumping over code and links.
func closing(line string, i int) int {
	for j := i + 1; j < len(line); j++ {
		switch line[j] {
		case '`', '<':
			stop := byte('`')
			if line[j] == '<' {
				stop = '>'
			}
			if end := strings.IndexByte(line[j+1:], stop); end >= 0 {
				j += end + 1
			}
		case line[i]:
			before, _ := utf8.DecodeLastRuneInString(line[:j])
			after, _ := utf8.DecodeRuneInString(line[j+1:])
			if j > i+1 && !unicode.IsSpace(before) && (j+1 == len(line) || !unicode.IsLetter(after) && !unicode.IsDigit(after)) {
				return j
			}
		}
	}
	return 0
}

// token draws what stands between angle brackets: a mention, a date, a link.
func (s *Slack) token(t string) string {
	body, label, labelled := strings.Cut(t, "|")
	shown := html.EscapeString(html.UnescapeString(label))
	mention := func(text string) string {
		return `<span class="mention">` + html.EscapeString(text) + `</span>`
	}
	switch {
	case strings.HasPrefix(body, "@"):
		return mention("@" + s.nameOf(body[1:]))
	case strings.HasPrefix(body, "#"):
		for _, c := range s.cfg.Channels {
			if c.ID == body[1:] {
				label = c.Name
			}
		}
		return mention("#" + label)
	case strings.HasPrefix(body, "!date^"):
		return s.date(body, shown)
	case strings.HasPrefix(body, "!subteam^"):
		if !labelled {
			label = "@" + strings.TrimPrefix(body, "!subteam^")
		}
		return mention(label)
	case body == "!here" || body == "!channel" || body == "!everyone":
		return `<span class="mention loud">@` + body[1:] + `</span>`
	}
	u, err := url.Parse(html.UnescapeString(body))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "mailto" {
		return "&lt;" + html.EscapeString(html.UnescapeString(t)) + "&gt;"
	}
	if !labelled {
		shown = html.EscapeString(strings.TrimPrefix(u.String(), "mailto:"))
	}
	return `<a href="` + html.EscapeString(u.String()) + `" target="_blank" rel="noopener noreferrer">` + shown + `</a>`
}

// nameOf is what a mention shows: the name people know, or the id of somebody unknown.
func (s *Slack) nameOf(id string) string {
	if id == s.cfg.BotUserID {
		return s.cfg.AppName
	}
	for _, u := range s.cfg.Users {
		if u.ID == id {
			return u.Real
		}
	}
	return id
}
