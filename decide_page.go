package pointsman

import (
	"fmt"
	"slices"
	"time"
)

// page wakes somebody. It may be called once for one cause only, because each call is another page.
func (t *turn) page(by Actor, text string) {
	inc := &t.state.Incident
	p := Page{N: inc.lastPage() + 1, Service: inc.Escalate.Service}
	raised := append(inc.raised(), p)
	inc.EscalateAt, inc.Page = time.Time{}, PageTriggered
	t.keepPages(raised)
	if p.N > 1 {
		inc.Paged = p.N
	}
	about := pagingOf(p)
	about.Severity, about.Title = inc.Severity, inc.Title
	t.say(EvPageTriggered, by, text, with(about))
}

func (t *turn) acknowledgePage(by Actor) {
	inc := &t.state.Incident
	if inc.Page == PageTriggered {
		inc.Page = PageAcknowledged
		t.say(EvPageAcknowledged, by, fmt.Sprintf("%s is on it: %s", by, inc.ID), with(pagingOf(inc.raised()...)))
	}
}

func (t *turn) resolvePages(by Actor) {
	inc := &t.state.Incident
	if raised := inc.raised(); len(raised) > 0 {
		inc.Page, inc.Pages = PageResolved, nil
		t.say(EvPageResolved, by, inc.ID+" is resolved", with(pagingOf(raised...)))
	}
}

// escalateTo changes who is paged from now on, and when. The pages that are raised stay where they are: another service of
// PagerDuty knows nothing of them, and would let them ring on.
func (t *turn) escalateTo(esc Escalation) {
	raised := t.state.Incident.raised()
	t.state.Incident.Escalate = esc
	t.keepPages(raised)
}

func (t *turn) stopEscalation() { t.state.Incident.EscalateAt = time.Time{} }

// keepPages stores the pages that are raised, where the rest of the incident does not say as much.
func (t *turn) keepPages(raised []Page) {
	inc := &t.state.Incident
	inc.Pages = raised
	if slices.Equal(raised, []Page{inc.first()}) {
		inc.Pages = nil
	}
}

// paging is what the event of a page carries. Without a list it is about page 1 at the service.
type paging struct {
	Service  string `json:"service"`
	Severity string `json:"severity,omitempty"`
	Title    string `json:"title,omitempty"`
	Pages    []Page `json:"pages,omitempty"`
}

func pagingOf(pages ...Page) paging {
	out := paging{Service: pages[0].Service}
	if len(pages) > 1 || pages[0].N > 1 {
		out.Pages = pages
	}
	return out
}
