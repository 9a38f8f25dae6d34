package pointsman

import "time"

// PageWithin is how soon the pager must have taken a page. When it has not, those who are awake are told: whoever believes
// that somebody is being woken calls nobody.
const PageWithin = time.Minute

// PageLate reports whether a page that was wanted at the given time comes too late when it is tried next.
func PageLate(wanted, next time.Time) bool { return next.After(wanted.Add(PageWithin)) }

// Paging is how far the newest page of an incident has come. PageTriggered only says that somebody is to be woken. The zero
// value is a page that is on its way.
type Paging struct {
	Nobody  bool   // no pager is configured
	Taken   bool   // the pager has it, and wakes people
	Late    bool   // the pager has not taken it within PageWithin, and is tried on
	GivenUp bool   // it is not tried any more
	Problem string // why the last attempt did not get through
}
