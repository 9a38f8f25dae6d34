package audit

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"unicode"
)

// The files of an export. All of them but the manifest are named, with their SHA-256, in the manifest.
const (
	rowsFile        = "rows.jsonl"
	checkpointFile  = "checkpoint.txt"
	keyFile         = "key.txt"
	consistencyFile = "consistency.jsonl"
	timelineFile    = "timeline.md"
	readmeFile      = "README.txt"
	manifestFile    = "manifest.txt"
)

// listed is the fixed order of files in a manifest; timeline.md is absent from an export of the whole log.
var listed = []string{rowsFile, checkpointFile, keyFile, consistencyFile, timelineFile, readmeFile}

// manifestTitle can never be the first line of a checkpoint of the same key: an origin has no spaces.
const manifestTitle = "pointsman export v1"

// manifest is the signed list of what an export holds. Proofs show that each row is in the log; only the manifest
// shows that no row was taken out of the export, and that the timeline people read is the one that was written.
type manifest struct {
	subject string
	entries []run
	sums    map[string]string // file name to SHA-256 in hex
}

// run is a run of consecutive entries, both ends included.
type run struct{ from, to uint64 }

func extend(runs []run, seq uint64) []run {
	if n := len(runs); n > 0 && runs[n-1].to+1 == seq {
		runs[n-1].to = seq
		return runs
	}
	return append(runs, run{seq, seq})
}

func (m manifest) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nof %s\nentries ", manifestTitle, m.subject)
	for i, r := range m.entries {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d-%d", r.from, r.to)
	}
	b.WriteByte('\n')
	for _, name := range listed {
		if sum, ok := m.sums[name]; ok {
			fmt.Fprintf(&b, "%s  %s\n", sum, name)
		}
	}
	return b.String()
}

// parseManifest accepts exactly what text writes.
func parseManifest(text string) (manifest, error) {
	m := manifest{sums: map[string]string{}}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 || lines[0] != manifestTitle {
		return m, fmt.Errorf("manifest: the first line is not %q", manifestTitle)
	}
	m.subject = strings.TrimPrefix(lines[1], "of ")
	for part := range strings.SplitSeq(strings.TrimPrefix(lines[2], "entries "), ",") {
		from, to, _ := strings.Cut(part, "-")
		a, err1 := strconv.ParseUint(from, 10, 64)
		b, err2 := strconv.ParseUint(to, 10, 64)
		if err1 != nil || err2 != nil || a == 0 || b < a || b > maxSeq {
			return m, fmt.Errorf("manifest: entries %q", part)
		}
		m.entries = append(m.entries, run{a, b})
	}
	for _, line := range lines[3:] {
		sum, name, _ := strings.Cut(line, "  ")
		if raw, err := hex.DecodeString(sum); err != nil || len(raw) != 32 {
			return m, fmt.Errorf("manifest: file line %q", line)
		}
		m.sums[name] = sum
	}
	if m.text() != text || !printable(m.subject) {
		return m, errors.New("manifest: not spelled as an export writes it")
	}
	return m, nil
}

// wants yields the sequence numbers the manifest lists.
func (m manifest) wants() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for _, r := range m.entries {
			for seq := r.from; seq <= r.to; seq++ {
				if !yield(seq) {
					return
				}
			}
		}
	}
}

// printable keeps subjects to one visible line, since people read them in reports.
func printable(s string) bool {
	return s != "" && len(s) <= 200 && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// eachLine calls do with every line of r, without its newline, numbered from 1. It stops with an error at a line
// longer than maxRow; line is only valid during the call.
func eachLine(r io.Reader, do func(n int, line []byte) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxRow)
	s.Split(splitLines)
	for n := 1; s.Scan(); n++ {
		if err := do(n, s.Bytes()); err != nil {
			return err
		}
	}
	return s.Err()
}

// splitLines is bufio.ScanLines without its tolerance for a carriage return, which an export never writes.
func splitLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}
