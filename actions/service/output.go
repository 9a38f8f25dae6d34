package service

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"unicode"

	"github.com/pointsman/pointsman"
)

// Of what a command says the end is kept: it tells why it ended. However much it says, no more memory is used.
const (
	keptBytes = 64 << 10
	shownRune = 600
)

// lastOutput keeps the end of what is written to it.
type lastOutput struct {
	mu   sync.Mutex
	kept []byte
	cut  bool
}

// Write never fails: a command must not end because its words are not wanted.
func (o *lastOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept = append(o.kept, p...)
	if over := len(o.kept) - keptBytes; over > 0 {
		o.kept, o.cut = append(o.kept[:0], o.kept[over:]...), true
	}
	return len(p), nil
}

// String is what was kept, from the beginning of a line: half a secret would not be recognised as one.
func (o *lastOutput) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := string(o.kept)
	if o.cut {
		_, s, _ = strings.Cut(s, "\n")
	}
	return s
}

// environment is what a command gets: the named variables and nothing else. Their values count as secrets, for names
// are given to commands for their tokens.
func environment(names []string) (env, secrets []string) {
	env = []string{} // nil would mean: all of ours
	for _, name := range names {
		v, ok := os.LookupEnv(name)
		if !ok {
			continue
		}
		env = append(env, name+"="+v)
		if len(v) >= 8 && !paths(v) && name != "HOME" && name != "PATH" {
			secrets = append(secrets, v)
		}
	}
	return env, secrets
}

// paths reports whether the value is a list of paths that are there. They are no secrets, and without them what a command says
// would be garbled. To begin as one is not enough: so do some tokens.
func paths(v string) bool {
	for _, p := range filepath.SplitList(v) {
		if !filepath.IsAbs(p) || filepath.Clean(p) != p {
			return false
		}
		if _, err := os.Stat(p); err != nil {
			return false
		}
	}
	return true
}

var (
	urlPassword = regexp.MustCompile(`(://[^:/?#@\s]*):[^@\s]*@`)
	assigned    = regexp.MustCompile(`(?i)((?:password|passwd|passphrase|secret|token|api[_-]?key|authorization)["']?\s*[=:]\s*)(?:(?:bearer|basic)\s+)?\S+`)
	terminal    = regexp.MustCompile("\x1b\\[[0-9;?]*[a-zA-Z]")
)

const redacted = "<redacted>"

// tail makes one short line of the end of a command's output, without secrets and without what a terminal would obey.
func tail(output string, secrets []string) string {
	for _, s := range secrets {
		for _, form := range []string{s, base64.StdEncoding.EncodeToString([]byte(s)), hex.EncodeToString([]byte(s)), url.QueryEscape(s)} {
			output = strings.ReplaceAll(output, form, redacted)
		}
	}
	output = terminal.ReplaceAllString(output, "")
	output = urlPassword.ReplaceAllString(output, "$1:"+redacted+"@")
	output = assigned.ReplaceAllString(output, "${1}"+redacted)
	var lines []string
	for line := range strings.Lines(output) {
		line = strings.Map(func(r rune) rune {
			switch {
			case unicode.IsSpace(r): // a tab between two words, too
				return ' '
			case pointsman.Unseen(r) || r == unicode.ReplacementChar:
				return -1
			}
			return r
		}, line)
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) > 10 {
		lines = lines[len(lines)-10:]
	}
	text := strings.Join(lines, " / ")
	if r := []rune(text); len(r) > shownRune {
		text = "…" + string(r[len(r)-shownRune+1:])
	}
	return text
}
