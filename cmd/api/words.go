package api

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/pointsman/pointsman"
)

// maxWords is what Slack's form for a reason takes, in characters: a reason stands on cards, in lists, and in the answer to
// everybody who is refused because of it.
const maxWords = 1000

// words is what a person wrote, and what it is called.
type words struct {
	what string
	text *string
}

// fit takes out what nobody sees and a terminal obeys, as the forms in Slack do, and says why the rest cannot be taken.
func (w words) fit() string {
	*w.text = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t', r == '\r':
			return ' '
		case pointsman.Unseen(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(*w.text, "\uFFFD")))
	if n := utf8.RuneCountInString(*w.text); n > maxWords {
		return fmt.Sprintf("the %s has %d characters, limit %d; say it shorter, and where the rest can be read", w.what, n, maxWords)
	}
	return ""
}
