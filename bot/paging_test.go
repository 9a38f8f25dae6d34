package bot

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
)

// undecided has somebody paged because nobody decides, and the page come as far as given.
func (s *tale) undecided(page pointsman.Paging) *tale {
	s.t.Helper()
	s.page = page
	return s.ready().after(6 * time.Minute).must(pointsman.Tick{Incident: "INC-7"})
}

// pagerOf is a pager whose page has come as far as the test says.
type pagerOf struct {
	mu  sync.Mutex
	is  pointsman.Paging
	err error
}

func (p *pagerOf) Paging(context.Context, string) (pointsman.Paging, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.is, p.err
}

func (p *pagerOf) says(is pointsman.Paging, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.is, p.err = is, err
}

// page has somebody paged, and tells what becomes of it.
func (w *world) page(events ...pointsman.Event) {
	w.t.Helper()
	w.now = w.now.Add(6 * time.Minute)
	w.tell(pointsman.Tick{Incident: "INC-7"})
	w.told(events...)
}

func (w *world) told(events ...pointsman.Event) {
	w.t.Helper()
	for _, ev := range events {
		ev.Incident = "INC-7"
		if err := w.Note(w.t.Context(), ev); err != nil {
			w.t.Fatal(err)
		}
	}
	w.flush()
}

// The person at the keyboard decides by this word whether to call somebody.
func TestTheCardSaysPagedWhenThePagerHasThePage(t *testing.T) {
	t.Parallel()
	w, pager := newWorld(t), &pagerOf{}
	w.bot.Sender.pages, w.bot.Handler.deps.Pages = pager, pager
	card := w.asked(2)
	w.page()
	card.WaitText("📟 paging…")
	card.WaitReply("📟 Paging: INC-7 has no decision after 5m")
	pager.says(pointsman.Paging{Late: true, Problem: "pagerduty answered 500"}, nil)
	w.told(pointsman.Event{Type: pointsman.EvPageUndelivered, Text: "NOT PAGED: pagerduty answered 500; it is tried on (service:dba)"})
	card.WaitText("🚨 *NOT PAGED:* pagerduty answered 500; it is tried on.")
	w.loud(card, "🚨 NOT PAGED: pagerduty answered 500")
	pager.says(pointsman.Paging{Taken: true}, nil)
	w.told(pointsman.Event{Type: pointsman.EvPageDelivered, Text: "Paged after 10m: pagerduty has taken it (service:dba)"})
	card.WaitText("📟 paged")
	card.WaitReply("📟 Paged after 10m")
	if text := card.Now().Visible(); strings.Contains(text, "NOT PAGED") {
		t.Errorf("the card still says so:\n%s", text)
	}
	pager.says(pointsman.Paging{GivenUp: true, Problem: "pagerduty answered 400"}, nil)
	w.told(pointsman.Event{Type: pointsman.EvDeliveryLost, Text: "NOT PAGED through pagerduty", Data: []byte(`{"way":"pagerduty","seq":7,"page":true}`)})
	card.WaitText("🚨 *NOT PAGED*, and it is not tried again: pagerduty answered 400.")
	w.loud(card, "🚨 NOT PAGED through pagerduty")
}

// loud checks that the line went to the whole channel.
func (w *world) loud(card fakeslack.Card, text string) {
	w.t.Helper()
	card.WaitReply(text)
	for _, m := range card.Thread() {
		if strings.Contains(m.Text, text) && !m.Broadcast {
			w.t.Errorf("%q is in the thread only", m.Text)
		}
	}
}

func TestWithoutAPagerNobodyIsSaidToBePaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	card := w.asked(2)
	w.page()
	card.WaitText("🚨 *Nobody can be paged:* no pager is configured.")
	w.loud(card, "🚨 Nobody can be paged, no pager is configured: INC-7 has no decision after 5m")
	if text := card.Now().Visible(); strings.Contains(text, "📟") {
		t.Errorf("the card speaks of a page:\n%s", text)
	}
}

// What is not known is not said: the card waits for the store, as it does for the incident's own state.
func TestACardIsNotDrawnWithoutKnowingHowFarThePageIs(t *testing.T) {
	t.Parallel()
	pager := &pagerOf{}
	pager.says(pointsman.Paging{}, errors.New("the database does not answer"))
	s := begin(t).undecided(pointsman.Paging{})
	if _, err := viewOf(t.Context(), s.state, pager, func() time.Time { return s.now }); err == nil {
		t.Error("a card without an error")
	}
}
