package audit

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
)

// readme tells a reader who has only the export how to check it.
const readme = `This is an export of Pointsman's audit log. To verify it, offline and without configuration:
  1. pointsman audit verify --key KEY FILE    KEY: the public key (pointsman audit key) that you were given by another way than this export.
  2. Add --anchor CHECKPOINT if you hold one that was kept elsewhere: it excludes a rewritten or cut log.
  3. Exit code 0 is intact, 1 is touched (it names the first touched entry), 2 is cannot tell.
  4. rows.jsonl holds the entries as stored, timeline.md is for reading, manifest.txt signs the sums of all files.
  5. hash = SHA-256("pointsman/audit/v1\0" + seq as 8 bytes big-endian + prev + body); proofs are RFC 6962.
`

// TimelineLine renders an entry as one line of Markdown from the fields at, type, actor and text of its JSON body; what
// is not there is left out. It never lets a body write Markdown, HTML or a second line.
func TimelineLine(e Entry) string {
	var body struct {
		At    any `json:"at"`
		Type  any `json:"type"`
		Actor any `json:"actor"`
		Text  any `json:"text"`
	}
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return fmt.Sprintf("- (entry %d, not JSON)", e.Seq)
	}
	var b strings.Builder
	b.WriteString("-")
	for _, part := range []struct{ format, text string }{
		{" %s", plain(body.At)},
		{" **%s**", plain(body.Type)},
		{" %s:", actor(body.Actor)},
		{" %s", plain(body.Text)},
	} {
		if part.text != "" {
			fmt.Fprintf(&b, part.format, part.text)
		}
	}
	fmt.Fprintf(&b, " (entry %d)", e.Seq)
	return b.String()
}

// actor renders who did it: the name and the door with the account, as in "Ana Ruiz (slack T1/U2)"; anything else as it
// is stored.
func actor(v any) string {
	fields, ok := v.(map[string]any)
	if !ok {
		return plain(v)
	}
	door, ref := text(fields["door"]), text(fields["ref"])
	who, _ := fields["person"].(map[string]any)
	name := cmp.Or(text(who["name"]), text(who["id"]))
	if door == "" || len(fields) > 3 {
		return plain(v)
	}
	from := strings.TrimSpace(door + " " + ref)
	if name == "" {
		return inline(from)
	}
	return inline(fmt.Sprintf("%s (%s)", name, from))
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// plain renders a JSON value on one line: strings as they are, everything else as JSON.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return inline(v)
	default:
		raw, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return inline(string(raw))
	}
}

// inline escapes text for the middle of a Markdown line. Control characters, and the invisible ones that turn the
// reading direction, become a visible code, so that a line reads as it is stored.
func inline(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case strings.ContainsRune("\\`*_[]<>|#~&", r):
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, "(U+%04X)", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
