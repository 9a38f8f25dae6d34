package fakeslack

import (
	"fmt"
	"html"
	"strconv"
	"strings"
	"time"
)

// date draws <!date^unix^tokens^link|fallback> in the page's time zone:
// https://docs.slack.dev/messaging/formatting-message-text#date-formatting.
func (s *Slack) date(body, fallback string) string {
	fields := strings.SplitN(body, "^", 4)
	if len(fields) < 3 {
		return fallback
	}
	unix, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return fallback
	}
	at := time.Unix(unix, 0).In(s.cfg.Location)
	now := s.cfg.Now().In(s.cfg.Location)
	text := fields[2]
	for token, form := range map[string]string{
		"{date_num}": "2006-01-02", "{date_slash}": "01/02/2006", "{date}": "January 2nd, 2006",
		"{date_short}": "Jan 2, 2006", "{date_long}": "Monday, January 2nd, 2006", "{time}": "3:04 PM", "{time_secs}": "3:04:05 PM",
	} {
		text = strings.ReplaceAll(text, token, ordinal(at, form))
	}
	for token, form := range map[string]string{
		"{date_pretty}": "January 2nd, 2006", "{date_short_pretty}": "Jan 2, 2006", "{date_long_pretty}": "Monday, January 2nd, 2006",
	} {
		text = strings.ReplaceAll(text, token, pretty(at, now, form))
	}
	text = strings.ReplaceAll(text, "{ago}", ago(now.Sub(at)))
	return fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, at.UTC().Format(time.RFC3339), fallback, html.EscapeString(text))
}

// ordinal formats a layout in which "2nd" stands for the day with its ending, which the time package does not know.
func ordinal(at time.Time, form string) string {
	before, after, ok := strings.Cut(form, "2nd")
	if !ok {
		return at.Format(form)
	}
	ending := "th"
	switch day := at.Day(); {
	case day%10 == 1 && day != 11:
		ending = "st"
	case day%10 == 2 && day != 12:
		ending = "nd"
	case day%10 == 3 && day != 13:
		ending = "rd"
	}
	return at.Format(before) + strconv.Itoa(at.Day()) + ending + at.Format(after)
}

func pretty(at, now time.Time, form string) string {
	y, m, d := now.Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, now.Location())
	switch {
	case !at.Before(today) && at.Before(today.AddDate(0, 0, 1)):
		return "today"
	case !at.Before(today.AddDate(0, 0, -1)) && at.Before(today):
		return "yesterday"
	case !at.Before(today.AddDate(0, 0, 1)) && at.Before(today.AddDate(0, 0, 2)):
		return "tomorrow"
	}
	return ordinal(at, form)
}

func ago(d time.Duration) string {
	if d < 0 {
		return "in " + span(-d)
	}
	return span(d) + " ago"
}

func span(d time.Duration) string {
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}} {
		if n := int(d / unit.size); n == 1 {
			return "1 " + unit.name
		} else if n > 1 {
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return "0 seconds"
}
