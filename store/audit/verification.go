package audit

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// verification is one verification under way. Faults of files are collected first; the fault of an entry, of which
// there is at most one, is put before them.
type verification struct {
	Report
	keys      []string // whose signatures count; none in bare lines without --key
	ownKey    bool     // keys come from the export itself
	strangers bool     // files are there that are not part of the export
	doubts    bool     // something that was asked for could not be compared: at best Unknown
	signed    *Checkpoint
	anchors   []Checkpoint
	grown     map[uint64][]tlog.Hash // consistency proofs by anchor size

	pins  []pin
	whole *walk // set when the rows are the whole log
	some  *part // set when the rows are a part of it
}

// open returns the checkpoint in msg; without any key its signature is not looked at.
func (v *verification) open(msg []byte) (Checkpoint, error) {
	if len(v.keys) == 0 {
		return ReadCheckpoint(msg)
	}
	return OpenCheckpoint(msg, v.keys...)
}

// readAnchors refuses what is no checkpoint at all: that is a mistake on the command line, not a touched log.
func (v *verification) readAnchors(anchors [][]byte) error {
	for i, msg := range anchors {
		raw, err := ReadCheckpoint(msg)
		if err != nil {
			return fmt.Errorf("anchor %d: %w", i+1, err)
		}
		if _, err := v.open(msg); err != nil {
			v.fault(0, WrongKey, "the anchor of %d entries is not signed by %s", raw.Size, v.keyNames())
			continue
		}
		v.anchors = append(v.anchors, raw)
	}
	return nil
}

// begin chooses how rows are judged, by whether the first one has a proof, and places the anchors.
func (v *verification) begin(proofs bool, want func() (uint64, bool)) {
	if proofs {
		v.some = newPart(v.signed, want)
		for _, a := range v.anchors {
			v.compare(a)
		}
		return
	}
	for _, a := range v.anchors {
		v.pins = append(v.pins, pin{a.Size, a.Root, fmt.Sprintf("the anchor of %d entries", a.Size), BadAnchor})
	}
	slices.SortStableFunc(v.pins, func(a, b pin) int { return cmp.Compare(a.size, b.size) })
	v.whole = &walk{pins: v.pins}
}

// compare holds an anchor against the checkpoint that the proofs of a part lead to.
func (v *verification) compare(a Checkpoint) {
	c := v.signed
	switch {
	case c == nil: // its absence is a fault already, or unsure
	case a.Origin != c.Origin:
		v.unsure("the anchor is of the log %s, the export of %s", a.Origin, c.Origin)
	case a.Size > c.Size:
		v.unsure("the anchor covers %d entries, this export was signed at %d: take a new export to compare", a.Size, c.Size)
	case a.Size == c.Size && a.Root == c.Root, a.Size == 0:
		v.holds("the anchor of %d entries is part of this log", a.Size)
	case a.Size == c.Size:
		v.fault(0, BadAnchor, "the anchor of %d entries has another root: the log was rewritten", a.Size)
	case v.grown[a.Size] == nil:
		v.unsure("the export has no consistency proof for the anchor of %d entries: export again with audit export --anchor and this file, or verify the whole log", a.Size)
	case tlog.CheckTree(v.grown[a.Size], int64(c.Size), c.Root, int64(a.Size), a.Root) != nil:
		v.fault(0, BadAnchor, "the log of %d entries does not continue the anchor of %d: it was rewritten", c.Size, a.Size)
	default:
		v.holds("the log of %d entries continues the anchor of %d", c.Size, a.Size)
	}
}

// add takes the next row and reports whether more would tell more.
func (v *verification) add(r row) bool {
	if v.Entries == 0 {
		v.First = r.Seq
	}
	v.Entries, v.Last = v.Entries+1, r.Seq
	if v.some != nil {
		v.some.add(r)
		return v.some.fault == nil
	}
	v.whole.add(r.Entry)
	return v.whole.fault == nil
}

// end judges the row that still waits, and what is missing.
func (v *verification) end() {
	var f *Fault
	if v.some != nil {
		f = v.some.end()
	} else {
		f = v.whole.end()
	}
	v.first(f)
}

func (v *verification) first(f *Fault) {
	if f != nil {
		v.Faults = slices.Insert(v.Faults, 0, *f)
	}
}

var errStop = errors.New("stop") // ends eachLine early; never leaves this file

// rows judges the lines of rows.jsonl. want yields the numbers the manifest lists, nil without one. The error is about
// reading: bytes that never were an export, or a medium that failed.
func (v *verification) rows(r io.Reader, want func() (uint64, bool)) error {
	err := eachLine(r, func(n int, line []byte) error {
		parsed, err := parseRow(line)
		switch {
		case err != nil && n == 1 && want == nil:
			return fmt.Errorf("not an export: line 1: %w", err)
		case err != nil:
			return v.malformed(n, err)
		case n == 1:
			v.begin(parsed.proof != nil, want)
		case (parsed.proof != nil) != (v.some != nil):
			return v.malformed(n, errors.New("some rows have proofs, others have none"))
		}
		if !v.add(parsed) {
			return errStop
		}
		return nil
	})
	if v.whole == nil && v.some == nil {
		v.begin(false, want)
	}
	if err != nil && !errors.Is(err, errStop) {
		return err
	}
	if len(v.Faults) == 0 || v.Faults[0].Kind != Malformed {
		v.end()
	}
	return nil
}

// malformed reports line n, unless the row before it, which still waits to be judged, is at fault itself.
func (v *verification) malformed(n int, why error) error {
	var f *Fault
	switch {
	case v.whole != nil:
		f = v.whole.flush()
	case v.some != nil:
		f = v.some.flush()
	}
	if f == nil {
		f = &Fault{v.Last + 1, Malformed, fmt.Sprintf("line %d, after entry %d: %v", n, v.Last, why)}
		v.first(f)
	}
	return errStop
}
