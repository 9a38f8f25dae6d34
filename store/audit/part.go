package audit

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// part judges the rows of an export of some entries: each by its own hash and its proof, all together by the list
// in the signed manifest.
type part struct {
	signed *Checkpoint           // nil when the export has none that can be trusted
	want   func() (uint64, bool) // the next number the manifest lists; nil without a manifest

	last  Entry
	wait  *row
	due   uint64 // the number that must come next, 0 for any
	done  bool   // the manifest lists no more
	fault *Fault
}

func newPart(signed *Checkpoint, want func() (uint64, bool)) *part {
	p := &part{signed: signed, want: want}
	p.advance()
	return p
}

func (p *part) advance() {
	if p.want == nil {
		return
	}
	seq, ok := p.want()
	p.due, p.done = seq, !ok
}

func (p *part) add(r row) {
	if p.wait != nil {
		p.judge(*p.wait, &r)
	}
	p.wait = &r
}

// flush judges the row that waits for a next one.
func (p *part) flush() *Fault {
	if p.wait != nil {
		p.judge(*p.wait, nil)
		p.wait = nil
	}
	return p.fault
}

// end judges the last row and finds what is missing after it.
func (p *part) end() *Fault {
	p.flush()
	if p.fault == nil && p.want != nil && !p.done {
		p.fault = &Fault{p.due, Missing, fmt.Sprintf(
			"entry %d is missing after entry %d: the export was signed with it", p.due, p.last.Seq)}
	}
	return p.fault
}

func (p *part) judge(r row, next *row) {
	if p.fault != nil {
		return
	}
	if p.fault = p.place(r, next); p.fault == nil {
		p.fault = p.prove(r)
	}
	if p.fault == nil {
		p.last = r.Entry
		p.advance()
	}
}

func (p *part) place(r row, next *row) *Fault {
	listed := p.want != nil
	switch {
	case r.Seq == p.last.Seq && r.Hash == p.last.Hash:
		return &Fault{r.Seq, Duplicated, fmt.Sprintf("entry %d appears twice", r.Seq)}
	case r.Seq == p.last.Seq:
		return &Fault{r.Seq, Inserted, fmt.Sprintf("two different entries have the number %d: one was inserted", r.Seq)}
	case r.Seq < p.last.Seq:
		return &Fault{r.Seq, Swapped, fmt.Sprintf("entry %d appears after entry %d", r.Seq, p.last.Seq)}
	case listed && (p.done || r.Seq < p.due):
		return &Fault{r.Seq, Inserted, fmt.Sprintf("entry %d was inserted: the export was signed without it", r.Seq)}
	case listed && r.Seq > p.due && next != nil && next.Seq == p.due:
		return &Fault{p.due, Swapped, fmt.Sprintf("entry %d appears before entry %d", r.Seq, p.due)}
	case listed && r.Seq > p.due:
		return &Fault{p.due, Missing, fmt.Sprintf("entry %d is missing between %d and %d: the export was signed with it",
			p.due, p.last.Seq, r.Seq)}
	}
	return nil
}

func (p *part) prove(r row) *Fault {
	sum := Hash(r.Seq, r.Prev, r.Body)
	follows := r.Seq == p.last.Seq+1 && p.last.Seq > 0
	switch {
	case sum != r.Hash && p.inTree(r, r.Hash):
		return &Fault{r.Seq, BodyAltered, fmt.Sprintf("body or prev of entry %d was altered: its hash is in the signed tree", r.Seq)}
	case sum != r.Hash && p.inTree(r, sum):
		return &Fault{r.Seq, HashAltered, fmt.Sprintf("the hash of entry %d was altered: its body is right", r.Seq)}
	case sum != r.Hash:
		return &Fault{r.Seq, EntryAltered, fmt.Sprintf("entry %d was altered: body, prev and hash do not fit together", r.Seq)}
	case p.signed != nil && !p.inTree(r, sum):
		return &Fault{r.Seq, NotSigned, fmt.Sprintf(
			"entry %d is not in the tree of %d entries that was signed: it was rewritten or inserted, or its proof was altered",
			r.Seq, p.signed.Size)}
	case follows && r.Prev != p.last.Hash:
		return &Fault{r.Seq, Rewritten, fmt.Sprintf("entry %d does not continue entry %d", r.Seq, p.last.Seq)}
	}
	return nil
}

func (p *part) inTree(r row, hash [32]byte) bool {
	if p.signed == nil {
		return false
	}
	return tlog.CheckRecord(r.proof, int64(p.signed.Size), p.signed.Root, int64(r.Seq-1), tlog.RecordHash(hash[:])) == nil
}
