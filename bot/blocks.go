package bot

import (
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"
)

// Slack's limits, in characters.
// https://docs.slack.dev/reference/block-kit/blocks
const (
	maxBlocks  = 50
	maxHeader  = 150
	maxSection = 3000
	maxButton  = 75
	maxConfirm = 300
	// maxTotal is the sum of all text of one message. Slack does not document it and answers msg_blocks_too_long
	// somewhat above 13,000.
	maxTotal = 12_000
)

// plain is text in which Slack looks for nothing: the place for what strangers wrote.
func plain(s string, n int) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, orDash(cut(strings.TrimSpace(clean(s)), n)), false, false)
}

// mrkdwn takes text whose parts are escaped. Verbatim keeps Slack from making links out of addresses and names in it.
func mrkdwn(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, orDash(s), false, true)
}

func orDash(s string) string {
	if strings.TrimSpace(s) == "" {
		return "–" // Slack refuses an empty text
	}
	return s
}

func header(s string) slack.Block { return slack.NewHeaderBlock(plain(line(s), maxHeader)) }

func section(s string) slack.Block { return slack.NewSectionBlock(mrkdwn(s), nil, nil) }

func quote(s string, n int) slack.Block { return slack.NewSectionBlock(plain(s, n), nil, nil) }

// small is a line of lesser things.
func small(parts ...string) slack.Block {
	return slack.NewContextBlock("", mrkdwn(strings.Join(parts, " · ")))
}

func divider() slack.Block { return slack.NewDividerBlock() }

// listed is a section with a heading and lines. Lines that do not fit are counted, not lost in silence; elsewhere is the command
// line that prints them.
func listed(heading string, lines []string, most int, elsewhere string) slack.Block {
	var b strings.Builder
	b.WriteString(heading)
	size := utf8.RuneCountInString(heading)
	for i, l := range lines {
		n := utf8.RuneCountInString(l) + 1
		if i >= most || size+n > maxSection-100 {
			b.WriteString("\n" + more(len(lines)-i, elsewhere))
			break
		}
		b.WriteString("\n" + l)
		size += n
	}
	return section(b.String())
}

func more(n int, elsewhere string) string {
	return "_… and " + number(n) + " more: " + code(elsewhere, 60) + " prints them_"
}

// textSize is the sum of the characters of all texts that a message shows, confirmation dialogs included.
func textSize(blocks []slack.Block) int {
	n := 0
	text := func(t *slack.TextBlockObject) {
		if t != nil {
			n += utf8.RuneCountInString(t.Text)
		}
	}
	for _, b := range blocks {
		switch b := b.(type) {
		case *slack.HeaderBlock:
			text(b.Text)
		case *slack.SectionBlock:
			text(b.Text)
			if b.Accessory != nil && b.Accessory.ButtonElement != nil {
				elementSize(b.Accessory.ButtonElement, text)
			}
		case *slack.ContextBlock:
			for _, e := range b.ContextElements.Elements {
				if t, ok := e.(*slack.TextBlockObject); ok {
					text(t)
				}
			}
		case *slack.ActionBlock:
			for _, e := range b.Elements.ElementSet {
				elementSize(e, text)
			}
		}
	}
	return n
}

func elementSize(e slack.BlockElement, text func(*slack.TextBlockObject)) {
	switch e := e.(type) {
	case *slack.ButtonBlockElement:
		text(e.Text)
		if c := e.Confirm; c != nil {
			for _, t := range []*slack.TextBlockObject{c.Title, c.Text, c.Confirm, c.Deny} {
				text(t)
			}
		}
	case *slack.OverflowBlockElement:
		for _, o := range e.Options {
			text(o.Text)
		}
	}
}
