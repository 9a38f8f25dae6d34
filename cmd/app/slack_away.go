package app

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

// slackAway watches over cards that Slack does not take: its token was revoked, the bot was removed from the channel, the
// network is cut. Incidents with plans and evidence are there then, and nobody sees them. Once nothing has gone through for as
// long as is configured, it gives an alarm, which pages; one for all of them, however many wait.
type slackAway struct {
	rows interface {
		Unsent(ctx context.Context, q pointsman.Queue, limit int) ([]pointsman.Delivery, error)
		Sent(ctx context.Context, ids ...int64) (bool, error)
		LastSent(ctx context.Context, q pointsman.Queue) (bool, error)
	}
	desk interface {
		Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error)
	}
	now     func() time.Time
	after   time.Duration // without one that was taken
	service string        // who is paged; empty for the default
	log     *slog.Logger

	looked time.Time            // when that was done last, with success
	known  []int64              // that waited then
	since  map[string]time.Time // when this process first saw the lane wait, and none go through since
	clear  bool                 // this process has told the desk that Slack takes messages, and has seen nothing else since
}

// cards are the deliveries that may not wait: of cards, of pages that nobody takes, of alarms.
var cards = pointsman.Queue{Follower: "slack", Class: pointsman.Urgent}

// waitingMost bounds what is looked at. In a storm it must be enough to see that some go through: those that have waited longest
// come for their turn least often.
const waitingMost = 1000

func (w *slackAway) run(ctx context.Context) error {
	tick := time.NewTicker(max(w.after/12, 100*time.Millisecond))
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := w.look(ctx)
		if err != nil && ctx.Err() == nil && !failing { // a store that is away is told by readiness, and often
			w.log.Warn("it is not known whether Slack takes cards", "err", err)
		}
		failing = err != nil
	}
}

func (w *slackAway) look(ctx context.Context) error {
	now := w.now()
	if now.Sub(w.looked) > w.after/2 {
		w.since, w.clear = nil, false // the store was away or this process stood still, and it knows nothing of what went through or was tried meanwhile
	}
	waits, err := w.rows.Unsent(ctx, cards, waitingMost)
	if err != nil {
		return err
	}
	went, err := w.rows.Sent(ctx, w.known...)
	if err != nil {
		return err
	}
	w.looked, w.known, w.since = now, w.known[:0], lasting(w.since, waits, now, went)
	for _, d := range waits {
		w.known = append(w.known, d.ID)
	}
	if len(waits) == 0 && !went && !w.clear {
		// The process that gave the alarm may have ended. Where nothing waits because it was given up, nobody has heard it.
		if went, err = w.rows.LastSent(ctx, cards); err != nil {
			return err
		}
	}
	for _, d := range waits {
		if now.Sub(w.since[d.Lane]) >= w.after {
			w.clear = false
			if err := w.report(ctx, w.alarm(waits, d, now)); err != nil {
				w.since = nil // a store that takes no alarm takes no outcome of an attempt either
				return err
			}
			return nil
		}
	}
	if !went {
		return nil
	}
	// Also where this process knows of no alarm: another one may have given it, and have ended. The desk passes over what it knows.
	if err := w.report(ctx, w.seen(pointsman.SeenOver, "Slack takes messages again", now)); err != nil {
		return err
	}
	w.clear = true
	return nil
}

// ownWait is longer than a delivery waits for its next attempt, unless Slack asks for more.
const ownWait = time.Minute

// lasting is since when each lane waits. In a storm the last cards wait for minutes, each for its turn; as long as any goes
// through Slack is there, and the time begins anew for all: with the next attempt of each, because what has not been asked
// again since then tells nothing of Slack, and the end of one outage would look like the begin of another.
func lasting(since map[string]time.Time, waits []pointsman.Delivery, now time.Time, went bool) map[string]time.Time {
	out := map[string]time.Time{}
	for _, d := range waits {
		at, known := since[d.Lane]
		if !known || went {
			at = now
		}
		if went && d.DueAt.After(now) {
			at = now.Add(min(d.DueAt.Sub(now), ownWait))
		}
		out[d.Lane] = at
	}
	return out
}

func (w *slackAway) alarm(waits []pointsman.Delivery, longest pointsman.Delivery, now time.Time) pointsman.Report {
	since := w.since[longest.Lane]
	var text strings.Builder
	fmt.Fprintf(&text, "Slack has taken nothing for %s", pointsman.Span(now.Sub(since)))
	if longest.Problem != "" {
		fmt.Fprintf(&text, " (%s)", longest.Problem)
	}
	fmt.Fprintf(&text, "; what it should tell of %s waits. See `pointsman incidents`, decide with `pointsman approve`", named(waits))
	r := w.seen(pointsman.SeenAlarm, text.String(), now)
	r.Title, r.Severity, r.Since, r.Nodes = "Slack takes no messages", "critical", since, []string{"slack"}
	r.Escalate.Service = w.service
	return r
}

// seen is what this watch says of Slack, in an incident of its own.
func (w *slackAway) seen(what pointsman.Sighting, text string, now time.Time) pointsman.Report {
	slack := pointsman.Target{Kind: "chat", Name: "slack"}
	return pointsman.Report{Key: pointsman.Offer{Target: slack}.Key(), Target: slack, What: what, Text: text, Looked: now}
}

func (w *slackAway) report(ctx context.Context, r pointsman.Report) error {
	res, err := w.desk.Do(ctx, r)
	if err == nil && res.Answer.Code == pointsman.CodeAccepted {
		w.log.Warn("the watch over Slack told", "text", r.Text, "incident", res.Answer.ID)
	}
	return err
}

// named are the incidents of the deliveries, the first few by their names.
func named(waits []pointsman.Delivery) string {
	const most = 5
	var names []string
	for _, d := range waits {
		if d.Incident != "" && !slices.Contains(names, d.Incident) {
			names = append(names, d.Incident)
		}
	}
	switch {
	case len(names) == 0:
		return "freezes, locks or kill switches"
	case len(names) > most:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
