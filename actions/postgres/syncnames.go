package postgres

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// syncSetting is a synchronous_standby_names: a commit waits for need standbys that go by one of the names.
type syncSetting struct {
	need  int
	names []string
}

// parseSyncNames reads the setting as the server does (syncrep_scanner.l, syncrep_gram.y): FIRST n (...), ANY n (...),
// n (...), or a list alone, which needs one. A text that a server would not take is an error.
func parseSyncNames(text string) (syncSetting, error) {
	words, err := syncWords(text)
	if err != nil {
		return syncSetting{}, err
	}
	rest, s := words, syncSetting{need: 1}
	if len(rest) > 0 && (rest[0].is("ANY") || rest[0].is("FIRST")) {
		rest = rest[1:]
	}
	if len(rest) > 1 && rest[1].is("(") {
		if s.need, err = strconv.Atoi(rest[0].text); err != nil || s.need < 1 || rest[0].quoted || !rest[len(rest)-1].is(")") {
			return syncSetting{}, fmt.Errorf("%q says no number of standbys above 0, with their names in brackets", text)
		}
		rest = rest[2 : len(rest)-1]
	} else if len(rest) < len(words) {
		return syncSetting{}, fmt.Errorf("%q has no number and names in brackets after %s", text, words[0].text)
	}
	for i, w := range rest {
		if comma := i%2 == 1; w.is(",") != comma || w.is("(") || w.is(")") || w.is("ANY") || w.is("FIRST") {
			return syncSetting{}, fmt.Errorf("%q has %q where no such word can be", text, w.text)
		} else if !comma {
			s.names = append(s.names, w.text)
		}
	}
	if len(rest)%2 == 0 {
		return syncSetting{}, fmt.Errorf("%q ends without a name", text)
	}
	return s, nil
}

// has: case does not count, and * is everybody, also in quotes.
func (s syncSetting) has(name string) bool {
	return slices.ContainsFunc(s.names, func(n string) bool { return n == "*" || strings.EqualFold(n, name) })
}

func (s syncSetting) String() string {
	if s.need == 1 && len(s.names) == 1 {
		return strconv.Quote(s.names[0])
	}
	quoted := make([]string, len(s.names))
	for i, n := range s.names {
		quoted[i] = strconv.Quote(n)
	}
	return fmt.Sprintf("%d of %s", s.need, strings.Join(quoted, ", "))
}

// syncWord is a name, a number, a key word or a sign. What stood in quotes is a name, whatever it says.
type syncWord struct {
	text   string
	quoted bool
}

func (w syncWord) is(word string) bool { return !w.quoted && strings.EqualFold(w.text, word) }

// syncWords cuts the text as the server's scanner does.
func syncWords(text string) ([]syncWord, error) {
	var out []syncWord
	for rest := strings.TrimLeft(text, syncSpace); rest != ""; rest = strings.TrimLeft(rest, syncSpace) {
		n := 1
		switch {
		case strings.ContainsRune("*,()", rune(rest[0])):
		case rest[0] == '"':
			name, after, ok := cutQuoted(rest)
			if !ok {
				return nil, fmt.Errorf("%q has a quotation mark without its other", text)
			}
			out, rest = append(out, syncWord{name, true}), after
			continue
		case digit(rest[0]):
			for n < len(rest) && digit(rest[n]) {
				n++
			}
		case nameStart(rest[0]):
			for n < len(rest) && (nameStart(rest[n]) || digit(rest[n]) || rest[n] == '$') {
				n++
			}
		default:
			return nil, fmt.Errorf("%q has %q, which can stand only within quotation marks", text, rest[:1])
		}
		out, rest = append(out, syncWord{text: rest[:n]}), rest[n:]
	}
	return out, nil
}

const syncSpace = " \t\n\r\f\v"

func digit(b byte) bool { return b >= '0' && b <= '9' }

func nameStart(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_' || b >= 0x80
}

// cutQuoted takes a quoted name off the front; a quotation mark in it is doubled.
func cutQuoted(text string) (name, rest string, ok bool) {
	for i := 1; i < len(text); i++ {
		if text[i] != '"' {
			continue
		}
		if i+1 < len(text) && text[i+1] == '"' {
			i++
			continue
		}
		return strings.ReplaceAll(text[1:i], `""`, `"`), text[i+1:], true
	}
	return "", "", false
}
