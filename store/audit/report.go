package audit

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Verdict is the answer of a verification. The zero value is Unknown: what was not proven intact is never called so.
type Verdict int

// The verdicts, in words of `pointsman audit verify`.
const (
	Unknown Verdict = iota // unreadable, empty, or what was asked for could not be compared
	Intact                 // every check that Report.Holds lists was made and passed
	Touched                // Report.Faults says where
)

// String returns the verdict as the report prints it.
func (v Verdict) String() string {
	switch v {
	case Intact:
		return "intact"
	case Touched:
		return "touched"
	default:
		return "cannot tell"
	}
}

// FaultKind says what is wrong with an entry or a file.
type FaultKind string

// The kinds of faults.
const (
	BodyAltered   FaultKind = "body altered"
	HashAltered   FaultKind = "hash altered"
	EntryAltered  FaultKind = "entry altered" // body, hash or prev: the neighbours do not tell which
	Rewritten     FaultKind = "rewritten"     // consistent in itself, but not what the rest of the log rests on
	Missing       FaultKind = "missing"
	Swapped       FaultKind = "order swapped"
	Inserted      FaultKind = "inserted"
	Duplicated    FaultKind = "duplicated"
	NotSigned     FaultKind = "not in the signed tree"
	BadCheckpoint FaultKind = "checkpoint signature"
	WrongKey      FaultKind = "key not the one given"
	BadAnchor     FaultKind = "differs from the anchor"
	BadFile       FaultKind = "file altered" // a file of the export other than its rows, or their sum
	Malformed     FaultKind = "malformed line"
)

// Fault is one thing that is wrong. Seq is the first touched entry, or 0 when the fault is not about an entry.
type Fault struct {
	Seq  uint64
	Kind FaultKind
	Text string // one sentence
}

// Report is what a verification found. Faults starts with the first touched entry; after a fault in the rows no more
// rows are judged, since everything after it would look wrong too.
type Report struct {
	Verdict Verdict
	Subject string // what was exported, as its signed manifest says; empty when there is none
	Entries uint64 // entries read, up to the first fault among them
	First   uint64 // sequence numbers of the first and last entry read
	Last    uint64
	Faults  []Fault
	Holds   []string // guarantees that hold, in sentences
	Lacks   []string // what this verification cannot exclude, and what would
}

// ExitCode maps the verdict for the command line: 0 intact, 1 touched, 2 cannot tell.
func (r Report) ExitCode() int {
	switch r.Verdict {
	case Intact:
		return 0
	case Touched:
		return 1
	default:
		return 2
	}
}

// Write prints the report for people: verdict, faults, what holds, what does not.
func (r Report) Write(w io.Writer) error {
	var b strings.Builder
	b.WriteString(r.Verdict.String())
	if r.Entries > 0 {
		fmt.Fprintf(&b, ": %d entries read (%d to %d)", r.Entries, r.First, r.Last)
	}
	if r.Subject != "" {
		fmt.Fprintf(&b, ", export of %s", r.Subject)
	}
	b.WriteString("\n")
	for _, f := range r.Faults {
		fmt.Fprintf(&b, "  fault (%s): %s\n", f.Kind, f.Text)
	}
	for _, s := range r.Holds {
		fmt.Fprintf(&b, "  holds: %s\n", s)
	}
	for _, s := range r.Lacks {
		fmt.Fprintf(&b, "  not proven: %s\n", s)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) fault(seq uint64, kind FaultKind, format string, args ...any) {
	f := Fault{Seq: seq, Kind: kind, Text: fmt.Sprintf(format, args...)}
	if !slices.Contains(r.Faults, f) { // one file may be asked for twice
		r.Faults = append(r.Faults, f)
	}
}

func (r *Report) holds(format string, args ...any) {
	r.Holds = append(r.Holds, fmt.Sprintf(format, args...))
}

func (r *Report) lacks(format string, args ...any) {
	r.Lacks = append(r.Lacks, fmt.Sprintf(format, args...))
}
