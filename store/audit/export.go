package audit

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Export is what goes into one export.
type Export struct {
	Subject    string // one line: "INC-1", "the whole log"
	Key        Key    // signs the manifest; its public part is put beside the rows
	Checkpoint []byte // the newest signed checkpoint of the log; it must cover every entry

	// Entries in ascending order. An error ends the export.
	Entries iter.Seq2[Entry, error]

	// Tree reads stored tree nodes, for one proof per entry. Nil exports the whole log: entries 1 to the size of the
	// checkpoint without a gap, whose tree every reader computes for himself.
	Tree tlog.HashReader

	// Anchored are the sizes of checkpoints copied outside earlier. The export carries a consistency proof for each,
	// so that an anchor older than the checkpoint can be compared. Not used for the whole log, which needs no proof.
	Anchored []uint64

	// Line renders one entry for timeline.md; nil is TimelineLine. The whole log has no timeline.
	Line func(Entry) string
}

// WriteZip writes the export as a zip archive. Equal input gives equal bytes: file times are fixed.
func WriteZip(w io.Writer, x Export) error {
	z := zip.NewWriter(w)
	err := x.write(func(name string) (io.WriteCloser, error) {
		f, err := z.CreateHeader(&zip.FileHeader{
			Name: name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC),
		})
		return nopCloser{f}, err
	})
	if err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("export of %s: %w", x.Subject, err)
	}
	return nil
}

type nopCloser struct{ io.Writer }

// Close implements io.Closer; the zip writer ends a file when the next one starts.
func (nopCloser) Close() error { return nil }

// WriteDir writes the export as plain files into dir, which must not hold such files yet. The manifest comes last, so
// an export that was interrupted does not verify.
func WriteDir(dir string, x Export) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("export of %s: %w", x.Subject, err)
	}
	return x.write(func(name string) (io.WriteCloser, error) {
		return os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	})
}

// WriteLines writes entries as bare JSON Lines, for other tools. Without checkpoint and manifest it proves less than
// an export; the verifier says so.
func WriteLines(w io.Writer, entries iter.Seq2[Entry, error]) error {
	out := bufio.NewWriter(w)
	var line []byte
	for e, err := range entries {
		if err != nil {
			return err
		}
		if line, err = appendRow(line[:0], row{Entry: e}); err != nil {
			return err
		}
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	return out.Flush()
}

type create func(name string) (io.WriteCloser, error)

func (x Export) write(open create) error {
	c, err := OpenCheckpoint(x.Checkpoint, x.Key.Public)
	if err != nil {
		return fmt.Errorf("export of %s: %w", x.Subject, err)
	}
	if !printable(x.Subject) {
		return fmt.Errorf("export of %q: the subject must be one printable line of at most 200 bytes", x.Subject)
	}
	s := sums{open: open, m: manifest{subject: x.Subject, sums: map[string]string{}}}
	timeline := bytes.NewBufferString("# Timeline of " + inline(x.Subject) + "\n\n")
	if err := s.file(rowsFile, func(w io.Writer) error { return x.rows(w, c, &s.m, timeline) }); err != nil {
		return err
	}
	consistency, err := x.consistency(c)
	if err != nil {
		return err
	}
	files := map[string]string{
		checkpointFile:  string(x.Checkpoint),
		keyFile:         x.Key.Public + "\n",
		consistencyFile: consistency,
		readmeFile:      readme,
	}
	if x.Tree != nil {
		files[timelineFile] = timeline.String()
	}
	for _, name := range listed[1:] {
		text, ok := files[name]
		if !ok {
			continue
		}
		if err := s.file(name, content(text)); err != nil {
			return err
		}
	}
	signed, err := x.Key.sign(s.m.text())
	if err != nil {
		return err
	}
	return s.file(manifestFile, content(string(signed)))
}

func content(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// rows writes rows.jsonl, notes in m which entries it wrote and collects the timeline.
func (x Export) rows(w io.Writer, c Checkpoint, m *manifest, timeline *bytes.Buffer) error {
	render := x.Line
	if render == nil {
		render = TimelineLine
	}
	var line []byte
	var last uint64
	for e, err := range x.Entries {
		if err != nil {
			return err
		}
		if err := x.fits(e, last, c); err != nil {
			return err
		}
		last = e.Seq
		r := row{Entry: e}
		if x.Tree != nil {
			if r.proof, err = tlog.ProveRecord(int64(c.Size), int64(e.Seq-1), x.Tree); err != nil {
				return fmt.Errorf("proof of entry %d: %w", e.Seq, err)
			}
			timeline.WriteString(render(e) + "\n")
		}
		if line, err = appendRow(line[:0], r); err != nil {
			return err
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
		m.entries = extend(m.entries, e.Seq)
	}
	switch {
	case last == 0:
		return errors.New("no entries")
	case x.Tree == nil && last != c.Size:
		return fmt.Errorf("the whole log ends at entry %d, its checkpoint covers %d", last, c.Size)
	}
	return nil
}

// fits refuses entries that could never verify, so that a mistake shows at export, not in front of the auditor.
func (x Export) fits(e Entry, last uint64, c Checkpoint) error {
	switch {
	case Hash(e.Seq, e.Prev, e.Body) != e.Hash:
		return fmt.Errorf("entry %d: stored hash and body do not fit: the log was touched, verify it", e.Seq)
	case e.Seq > c.Size:
		return fmt.Errorf("entry %d is newer than the checkpoint of %d entries: sign a new one first", e.Seq, c.Size)
	case e.Seq <= last:
		return fmt.Errorf("entry %d comes after entry %d: entries must ascend", e.Seq, last)
	case x.Tree == nil && e.Seq != last+1:
		return fmt.Errorf("entry %d follows entry %d: the whole log has no gaps", e.Seq, last)
	}
	return nil
}

// grown is one line of consistency.jsonl: the log of Size entries is the beginning of the one the checkpoint signed.
type grown struct {
	Size  uint64      `json:"size"`
	Proof []tlog.Hash `json:"proof"`
}

func (x Export) consistency(c Checkpoint) (string, error) {
	var b strings.Builder
	for _, size := range x.Anchored {
		if x.Tree == nil || size == 0 || size >= c.Size {
			continue // equal sizes compare by root, and a newer anchor needs a newer export
		}
		proof, err := tlog.ProveTree(int64(c.Size), int64(size), x.Tree)
		if err != nil {
			return "", fmt.Errorf("consistency proof from %d entries: %w", size, err)
		}
		line, err := json.Marshal(grown{size, proof})
		if err != nil {
			return "", err
		}
		b.Write(append(line, '\n'))
	}
	return b.String(), nil
}

// sums writes files and notes their SHA-256 in the manifest.
type sums struct {
	open create
	m    manifest
}

func (s *sums) file(name string, fill func(io.Writer) error) error {
	f, err := s.open(name)
	if err != nil {
		return fmt.Errorf("export of %s: %w", s.m.subject, err)
	}
	out := bufio.NewWriter(f)
	sum := sha256.New()
	err = fill(io.MultiWriter(out, sum))
	if err == nil {
		err = out.Flush()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("export of %s: %s: %w", s.m.subject, name, err)
	}
	s.m.sums[name] = sumOf(sum)
	return nil
}

func sumOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
