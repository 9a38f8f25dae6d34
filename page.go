package pointsman

// PageState is what the pager was last told about an incident.
type PageState string

// The states of a page.
const (
	PageNone         PageState = ""
	PageTriggered    PageState = "triggered"
	PageAcknowledged PageState = "acknowledged"
	PageResolved     PageState = "resolved"
)

// Page is one time that somebody was woken for an incident. PagerDuty takes another trigger under the key of an
// acknowledged page as a line more in it and wakes nobody, and whether somebody acknowledged it there we are not told.
// So each page has a number of its own, which is never given out again, and what ends pages ends all that are raised.
type Page struct {
	N       int    `json:"n"` // from 1, within the incident
	Service string `json:"service,omitempty"`
}

// first is the only page of most incidents. It is not stored: before pages had numbers there was no other, at whatever
// service the incident pages, and a version of that time may go on with an incident that has no more than that.
func (i Incident) first() Page { return Page{N: 1, Service: i.Escalate.Service} }

// raised returns the pages that are not resolved, in the order of their numbers.
func (i Incident) raised() []Page {
	if len(i.Pages) == 0 && (i.Page == PageTriggered || i.Page == PageAcknowledged) {
		return []Page{i.first()}
	}
	return i.Pages
}

// lastPage is the greatest number given out; zero for none.
func (i Incident) lastPage() int {
	if i.Paged == 0 && i.Page != PageNone {
		return 1
	}
	return i.Paged
}
