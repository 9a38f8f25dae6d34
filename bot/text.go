package bot

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pointsman/pointsman"
)

// clean removes what a reader cannot see but a renderer obeys: control characters, the marks that turn the direction
// of writing around (a file name that reads backwards), characters without width, and invalid UTF-8.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t' || r == '\r' || r == '\u2028' || r == '\u2029':
			return ' '
		case r == utf8.RuneError, pointsman.Unseen(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// line is clean on one line: a label cannot forge a second line of a card.
func line(s string) string { return strings.Join(strings.Fields(clean(s)), " ") }

// cut shortens s to at most n runes, the last of them an ellipsis if something was cut.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	if n <= 0 {
		return ""
	}
	keep := []rune(s)[:n-1]
	for len(keep) > 0 && (unicode.IsSpace(keep[len(keep)-1]) || unicode.Is(unicode.Mn, keep[len(keep)-1])) {
		keep = keep[:len(keep)-1]
	}
	return string(keep) + "…"
}

// escaper replaces Slack's three control characters and the marks of its formatting. A backquote would end a code
// span; the others would only look odd, so they stay.
// https://docs.slack.dev/messaging/formatting-message-text#escaping
var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "`", "ʼ")

// md is a text for mrkdwn on one line, at most n characters long as Slack counts them: after escaping. An entity is
// never cut in two.
func md(s string, n int) string { return escape(line(s), n) }

// mdLines is md for text of several lines that an operator wrote.
func mdLines(s string, n int) string { return escape(strings.TrimSpace(clean(s)), n) }

func escape(s string, n int) string {
	if e := escaper.Replace(s); utf8.RuneCountInString(e) <= n {
		return e
	}
	size := 1 // of the ellipsis
	for i, r := range s {
		if size += utf8.RuneCountInString(escaper.Replace(string(r))); size > n {
			return escaper.Replace(strings.TrimRightFunc(s[:i], unicode.IsSpace)) + "…"
		}
	}
	return escaper.Replace(s)
}

// code is md in a code span.
func code(s string, n int) string {
	if t := md(s, n); t != "" {
		return "`" + t + "`"
	}
	return ""
}

// at is a moment that each reader sees in the own time zone; the text for clients that cannot is in UTC.
// https://docs.slack.dev/messaging/formatting-message-text#date-formatting
func at(t time.Time) string {
	return fmt.Sprintf("<!date^%d^{time_secs}|%s>", t.Unix(), pointsman.Clock(t))
}

// day is a moment with its date, for what may be days away.
func day(t time.Time) string {
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time_secs}|%s>", t.Unix(), t.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// ago is the age of a moment. Slack keeps it right while the card stands unchanged, which a written "4 s ago" would not.
func ago(t time.Time) string {
	return fmt.Sprintf("<!date^%d^{ago}|%s>", t.Unix(), pointsman.Clock(t))
}

// plural is "1 alert", "2 alerts".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
