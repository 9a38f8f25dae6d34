package audit

import "fmt"

// pin is a root that somebody vouches for: the first size entries must have it.
type pin struct {
	size uint64
	root [32]byte
	by   string    // "the checkpoint", "the anchor"
	kind FaultKind // of the fault when they have another
}

// walk judges the entries of a whole log, in order, in flat memory. Each entry is judged when the next one is known,
// because the next one tells which of two things was altered.
type walk struct {
	head   Head // the last good entry
	tree   frontier
	pins   []pin // ascending by size; those reached are removed
	pinned uint64
	wait   *Entry
	fault  *Fault
}

func (w *walk) add(e Entry) {
	if w.wait != nil {
		w.judge(*w.wait, &e)
	}
	w.wait = &e
}

// flush judges the entry that waits for a next one.
func (w *walk) flush() *Fault {
	if w.wait != nil {
		w.judge(*w.wait, nil)
		w.wait = nil
	}
	return w.fault
}

// end judges the last entry and finds what is missing after it.
func (w *walk) end() *Fault {
	w.flush()
	w.reach()
	if w.fault == nil && len(w.pins) > 0 {
		p := w.pins[len(w.pins)-1] // the largest: how much is missing
		w.fault = &Fault{w.head.Seq + 1, Missing, fmt.Sprintf(
			"entries %s are missing: %s covers %d entries, the log ends after entry %d",
			span(w.head.Seq+1, p.size), p.by, p.size, w.head.Seq)}
	}
	return w.fault
}

func (w *walk) judge(e Entry, next *Entry) {
	if w.fault != nil {
		return
	}
	w.reach()
	if w.fault != nil {
		return
	}
	if w.fault = place(w.head, e, next); w.fault == nil {
		w.fault = link(w.head, e, next)
	}
	if w.fault == nil {
		w.head = e.Head()
		w.tree.add(e.Hash)
	}
}

// reach compares the tree with every pin of its present size.
func (w *walk) reach() {
	for w.fault == nil && len(w.pins) > 0 && w.pins[0].size == w.head.Seq {
		p := w.pins[0]
		if w.tree.root() != p.root {
			w.fault = &Fault{w.pinned + 1, p.kind, fmt.Sprintf(
				"among entries %s at least one was rewritten: their tree is not the one %s covers",
				span(w.pinned+1, p.size), p.by)}
			return
		}
		w.pinned, w.pins = p.size, w.pins[1:]
	}
}

// place judges the position of e after head by its sequence number alone.
func place(head Head, e Entry, next *Entry) *Fault {
	want := head.Seq + 1
	switch {
	case e.Seq == want:
		return nil
	case e.Seq > want && next != nil && next.Seq == want:
		return &Fault{want, Swapped, fmt.Sprintf("entry %d appears before entry %d", e.Seq, want)}
	case e.Seq > want:
		return &Fault{want, Missing, fmt.Sprintf("entries are missing between %d and %d: %s", head.Seq, e.Seq,
			span(want, e.Seq-1))}
	case e.Seq == head.Seq && e.Hash == head.Hash:
		return &Fault{e.Seq, Duplicated, fmt.Sprintf("entry %d appears twice", e.Seq)}
	case e.Seq == head.Seq:
		return &Fault{e.Seq, Inserted, fmt.Sprintf("two different entries have the number %d: one was inserted", e.Seq)}
	default:
		return &Fault{e.Seq, Swapped, fmt.Sprintf("entry %d appears after entry %d", e.Seq, head.Seq)}
	}
}

// link judges hash and prev of an entry in its right place.
func link(head Head, e Entry, next *Entry) *Fault {
	sum := Hash(e.Seq, e.Prev, e.Body)
	linked := e.Prev == head.Hash
	if sum == e.Hash && linked {
		return nil
	}
	fault := func(seq uint64, kind FaultKind, format string, args ...any) *Fault {
		return &Fault{seq, kind, fmt.Sprintf(format, args...)}
	}
	switch {
	case sum == e.Hash && head.Seq > 0 && (next == nil || next.Prev == e.Hash):
		return fault(head.Seq, Rewritten, "entry %d was rewritten together with its hash: entry %d rests on another entry %d",
			head.Seq, e.Seq, head.Seq)
	case sum == e.Hash && head.Seq == 0:
		return fault(e.Seq, Rewritten, "entry 1 continues another log: the prev of a first entry is all zero")
	case sum == e.Hash:
		return fault(e.Seq, Rewritten, "entry %d does not continue entry %d: it comes from another log", e.Seq, head.Seq)
	case linked && next != nil && next.Prev == e.Hash:
		return fault(e.Seq, BodyAltered, "the body of entry %d was altered: its hash does not fit, the next entry fits the hash", e.Seq)
	case linked && next != nil && next.Prev == sum:
		return fault(e.Seq, HashAltered, "the hash of entry %d was altered: its body is right", e.Seq)
	case Hash(e.Seq-1, e.Prev, e.Body) == e.Hash:
		return fault(head.Seq, Inserted, "entry %d was entry %d: an entry was inserted before it and the numbers moved", e.Seq, e.Seq-1)
	case Hash(e.Seq+1, e.Prev, e.Body) == e.Hash:
		return fault(e.Seq, Missing, "entry %d was entry %d: an entry before it was removed and the numbers moved", e.Seq, e.Seq+1)
	case Hash(e.Seq, head.Hash, e.Body) == e.Hash:
		return fault(e.Seq, EntryAltered, "the prev of entry %d was altered: body and hash are right", e.Seq)
	default:
		return fault(e.Seq, EntryAltered, "entry %d was altered: body, prev and hash do not fit together", e.Seq)
	}
}

func span(from, to uint64) string {
	if from == to {
		return fmt.Sprint(from)
	}
	return fmt.Sprintf("%d to %d", from, to)
}
