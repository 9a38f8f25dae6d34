package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// Pages knows how far a page has come. That one is wanted wakes nobody.
type Pages interface {
	// Paging speaks of the newest page of the incident.
	Paging(ctx context.Context, incident string) (pointsman.Paging, error)
}

// viewOf is ViewOf with what became of the page.
func viewOf(ctx context.Context, st pointsman.State, pages Pages, now func() time.Time) (View, error) {
	v := ViewOf(st, now())
	if v.Page != pointsman.PageTriggered && v.Page != pointsman.PageAcknowledged {
		return v, nil
	}
	if pages == nil {
		v.Paging.Nobody = true
		return v, nil
	}
	var err error
	if v.Paging, err = pages.Paging(ctx, v.ID); err != nil {
		return v, fmt.Errorf("page of %s: %w", v.ID, err)
	}
	return v, nil
}

// paged is what the line below the header says of the page: nothing that is not so.
func paged(v View) string {
	of := v.Paging
	switch {
	case v.Page == pointsman.PageTriggered && of.Taken:
		return "📟 paged"
	case v.Page == pointsman.PageTriggered && !of.Nobody && !of.Late && !of.GivenUp:
		return "📟 paging…"
	case v.Page == pointsman.PageAcknowledged && of.Taken:
		return "📟 page acknowledged"
	}
	return ""
}

// notPaged tells whoever is awake that nobody else is being woken.
func (c caps) notPaged(v View) []slack.Block {
	of, by := v.Paging, " Call somebody by other means."
	switch {
	case v.State != pointsman.IncidentOpen || v.Page != pointsman.PageTriggered:
		return nil
	case of.Nobody:
		return []slack.Block{section("🚨 *Nobody can be paged:* no pager is configured." + by)}
	case of.GivenUp:
		return []slack.Block{section("🚨 *NOT PAGED*, and it is not tried again: " + md(of.Problem, c.text) + "." + by)}
	case of.Late:
		return []slack.Block{section("🚨 *NOT PAGED:* " + md(of.Problem, c.text) + "; it is tried on." + by)}
	}
	return nil
}

// pageLine is the line in the thread for an event about a page; loud ones are for the whole channel.
func (s *Sender) pageLine(ev pointsman.Logged) (text string, loud, ok bool) {
	switch {
	case ev.Type == pointsman.EvPageTriggered && s.pages == nil:
		return "🚨 Nobody can be paged, no pager is configured: " + md(ev.Text, 900), true, true
	case ev.Type == pointsman.EvPageTriggered:
		return "📟 Paging: " + md(ev.Text, 900), false, true
	case ev.Type == pointsman.EvPageDelivered:
		return "📟 " + md(ev.Text, 900), false, true
	case ev.Type == pointsman.EvPageUndelivered || lostPage(ev):
		return "🚨 " + md(ev.Text, 900), true, true
	}
	return "", false, false
}

// lostPage reports whether a page was given up.
func lostPage(ev pointsman.Logged) bool {
	var about struct {
		Page bool `json:"page"`
	}
	return ev.Type == pointsman.EvDeliveryLost && json.Unmarshal(ev.Data, &about) == nil && about.Page
}
