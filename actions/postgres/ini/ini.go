// Package ini reads and changes where one entry of PgBouncer's section [databases] leads to, and leaves every other
// byte of the file as it is. The format is that of https://www.pgbouncer.org/config.html.
package ini

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Place is where an entry leads to, as written: a host, or several with commas, and a port.
type Place struct {
	Host string `json:"host"`
	Port string `json:"port"`
}

// String is host:port; a host that is a path is a socket's folder.
func (p Place) String() string { return p.Host + ":" + p.Port }

// defaultPort is what PgBouncer takes where an entry names none.
const defaultPort = "5432"

// Find returns where the database's entry leads to.
func Find(text, database string) (Place, error) {
	e, err := find(text, database)
	if err != nil {
		return Place{}, err
	}
	p := Place{Host: e.value(text, "host"), Port: e.value(text, "port")}
	if p.Port == "" {
		p.Port = defaultPort
	}
	return p, nil
}

// Set returns the text with the database's entry leading to the place. An empty host or port is refused: the entry
// would lead to a socket on the pooler's own machine, or nowhere.
func Set(text, database string, to Place) (string, error) {
	if to.Host == "" || to.Port == "" || strings.ContainsAny(to.Host+to.Port, "'\\\r\n\t ;#") {
		return "", fmt.Errorf("%q is no host and port for an entry of [databases]", to)
	}
	e, err := find(text, database)
	if err != nil {
		return "", err
	}
	if e.value(text, "host") == "" {
		return "", fmt.Errorf("the entry %s of [databases] names no host, so it leads to a socket of its own machine", database)
	}
	out := text
	// From the end on, so that the earlier positions stay right.
	if e.value(text, "port") == "" {
		out = out[:e.to] + " port=" + to.Port + out[e.to:]
	}
	for _, w := range slices.Backward(e.words) {
		switch w.key {
		case "host":
			out = out[:w.from] + to.Host + out[w.to:]
		case "port":
			out = out[:w.from] + to.Port + out[w.to:]
		}
	}
	return out, nil
}

// entry is one line of the section, with the places of its words.
type entry struct {
	from, to int // of the connection string
	words    []word
}

// word is one key=value of a connection string; from and to enclose the value with its quotes.
type word struct {
	key      string
	from, to int
}

func (e entry) value(text, key string) string {
	for _, w := range e.words {
		if w.key == key {
			return unquoted(text[w.from:w.to])
		}
	}
	return ""
}

func unquoted(s string) string {
	if len(s) >= 2 && s[0] == '\'' {
		return strings.ReplaceAll(s[1:len(s)-1], "''", "'")
	}
	return s
}

// find looks for the one entry with the name. Which of two counts, or what an included file says, is not guessed.
func find(text, database string) (entry, error) {
	var found []entry
	section, included := "", false
	at := 0
	for line := range strings.Lines(text) {
		from := at
		at += len(line)
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == ';' || trimmed[0] == '#':
			continue
		case strings.HasPrefix(trimmed, "%include"):
			included = true
			continue
		case trimmed[0] == '[':
			section = strings.ToLower(strings.Trim(trimmed, "[]"))
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if section != "databases" || !ok || strings.Trim(strings.TrimSpace(key), `"`) != database {
			continue
		}
		begin := from + len(key) + 1 + len(value) - len(strings.TrimLeft(value, " \t"))
		end := from + len(strings.TrimRight(line, " \t\r\n"))
		words, err := wordsOf(text, begin, max(begin, end))
		if err != nil {
			return entry{}, fmt.Errorf("the entry %s of [databases]: %w", database, err)
		}
		found = append(found, entry{begin, end, words})
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return entry{}, fmt.Errorf("the entry %s stands %d times in [databases]", database, len(found))
	case included:
		return entry{}, fmt.Errorf("there is no entry %s in [databases]; included files are not searched", database)
	}
	return entry{}, fmt.Errorf("there is no entry %s in [databases]", database)
}

// wordsOf splits a connection string. A value may stand in single quotes, in which a quote is doubled.
func wordsOf(text string, from, end int) ([]word, error) {
	var out []word
	i := from
	for {
		for i < end && (text[i] == ' ' || text[i] == '\t') {
			i++
		}
		if i >= end {
			return out, nil
		}
		eq := strings.IndexByte(text[i:end], '=')
		if eq < 0 {
			return nil, errors.New("it is no list of key=value")
		}
		w := word{key: strings.TrimSpace(text[i : i+eq])}
		i += eq + 1
		for i < end && (text[i] == ' ' || text[i] == '\t') {
			i++
		}
		w.from = i
		if i < end && text[i] == '\'' {
			closed := false
			for i++; i < end && !closed; i++ {
				if text[i] != '\'' {
					continue
				}
				if i+1 < end && text[i+1] == '\'' {
					i++
					continue
				}
				closed = true
			}
			if !closed {
				return nil, errors.New("a quote is not closed")
			}
		} else {
			for i < end && text[i] != ' ' && text[i] != '\t' {
				i++
			}
		}
		w.to = i
		out = append(out, w)
	}
}
