package endpoint

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/service"
	"github.com/pointsman/pointsman/actions/swap"
)

// span is where the address stands in the text of a file.
type span struct{ from, to int }

// find returns where the variable's address stands: the host and port of a URL, or the whole value. Of two lines with the
// variable it is not guessed which one counts.
func find(text, variable string) (span, error) {
	var found []span
	at := 0
	for line := range strings.Lines(text) {
		from := at
		at += len(line)
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimPrefix(strings.TrimSpace(name), "export "); !ok || strings.TrimSpace(name) != variable {
			continue
		}
		begin := from + len(line) - len(value)
		end := begin + len(strings.TrimRight(value, " \t\r\n"))
		if end-begin >= 2 && (text[begin] == '"' || text[begin] == '\'') && text[end-1] == text[begin] {
			begin, end = begin+1, end-1
		}
		found = append(found, authority(text, begin, end))
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return span{}, fmt.Errorf("it has no line %s=", variable)
	}
	return span{}, fmt.Errorf("it has %d lines %s=", len(found), variable)
}

// authority narrows a URL to its host and port; what is no URL is the address as a whole.
func authority(text string, from, to int) span {
	_, rest, isURL := strings.Cut(text[from:to], "://")
	if !isURL {
		return span{from, to}
	}
	from = to - len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		to = from + i
	}
	if i := strings.LastIndexByte(text[from:to], '@'); i >= 0 {
		from += i + 1
	}
	return span{from, to}
}

// current tells the address as it is now.
func (t Target) current(ctx context.Context) (string, error) {
	if t.File == "" {
		ctx, cancel := context.WithTimeout(ctx, t.Timeout)
		defer cancel()
		said, err := service.Exec(ctx, t.Show)
		return strings.TrimSpace(said), err
	}
	text, err := swap.Read(t.File)
	if err != nil {
		return "", err
	}
	s, err := find(string(text), t.Variable)
	if err != nil {
		return "", fmt.Errorf("%s: %w", t.File, err)
	}
	return string(text[s.from:s.to]), nil
}

// errElsewhere says that the compare failed and nothing was changed.
var errElsewhere = errors.New("it does not lead to the expected place any more")

// setting is the command that changes the address.
func (t Target) setting(old, fresh string) []string {
	argv := make([]string, len(t.Set))
	for i, arg := range t.Set {
		argv[i] = strings.NewReplacer("{old}", old, "{new}", fresh).Replace(arg)
	}
	return argv
}

// set changes the address if it is still old. The file's change is one; a command is trusted to make it one.
func (t Target) set(ctx context.Context, old, fresh string) error {
	if t.File == "" {
		argv := t.setting(old, fresh)
		ctx, cancel := context.WithTimeout(ctx, t.Timeout)
		defer cancel()
		_, err := service.Exec(ctx, argv)
		return err
	}
	text, err := swap.Read(t.File)
	if err != nil {
		return err
	}
	s, err := find(string(text), t.Variable)
	if err != nil {
		return fmt.Errorf("%s: %w", t.File, err)
	}
	if string(text[s.from:s.to]) != old {
		return errElsewhere
	}
	if err := actions.InTime(ctx); err != nil {
		return err
	}
	return swap.File(t.File, text, []byte(string(text[:s.from])+fresh+string(text[s.to:])))
}
