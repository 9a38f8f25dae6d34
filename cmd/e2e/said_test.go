package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
)

// about is what our messages in Slack say of themselves.
type about struct {
	Event    string `json:"event_id"`
	Incident string `json:"incident"`
	Kind     string `json:"kind"`
}

// String is the same for two messages that say the same.
func (a about) String() string {
	if a.Kind == "card" {
		return "card of " + a.Incident
	}
	return fmt.Sprintf("%s %s of %s", a.Kind, a.Event, a.Incident)
}

// posted tells of what a call was the message; it is none where nothing was posted.
func (tr *traffic) posted(c fakeslack.Call) (about, bool) {
	tr.t.Helper()
	var meta struct {
		About about `json:"event_payload"`
	}
	if c.Method != "chat.postMessage" || c.Error != "" {
		return about{}, false
	}
	if err := json.Unmarshal([]byte(c.Args["metadata"]), &meta); err != nil {
		tr.t.Errorf("metadata of a message: %v: %s", err, c.Args["metadata"])
		return about{}, false
	}
	return meta.About, true
}

// told are the events of the traffic that people read a line of, each. The list is the test's own: an event for which the
// program made no delivery is not to be found in what it meant to say.
var told = []pointsman.EventType{
	pointsman.EvVoteCounted, pointsman.EvRunStarted, pointsman.EvRunTaken, pointsman.EvStepDone, pointsman.EvRunParked, pointsman.EvRunDone,
	pointsman.EvIncidentResolved,
}

// saidAll waits until nothing is missing in Slack: the card of each incident and a line of each event that people read.
func (tr *traffic) saidAll() {
	tr.t.Helper()
	var wanted []string
	for _, incident := range tr.column(`SELECT id FROM incidents ORDER BY number`) {
		wanted = append(wanted, about{Kind: "card", Incident: incident}.String())
	}
	for _, typ := range told {
		of := tr.column(`SELECT event_id || ' ' || incident FROM log WHERE incident <> '' AND type = '` + string(typ) + `' ORDER BY seq`)
		for _, line := range of {
			event, incident, _ := strings.Cut(line, " ")
			wanted = append(wanted, about{Kind: "thread", Event: event, Incident: incident}.String())
		}
	}
	tr.await("nothing is missing in Slack", func() error {
		said := map[string]bool{}
		for _, c := range tr.slack.Calls("chat.postMessage") {
			if a, posted := tr.posted(c); posted {
				said[a.String()] = true
			}
		}
		missing := slices.DeleteFunc(slices.Clone(wanted), func(key string) bool { return said[key] })
		if len(missing) > 0 {
			return fmt.Errorf("NEVER SAID: %d of %d, the first is %s", len(missing), len(wanted), missing[0])
		}
		return nil
	})
}

// saidOnce looks at Slack: each event at most once in a thread, one card per incident. Slack has no idempotency key, so
// one thing is allowed: whoever repeats had looked, and what it looked for took effect only then, perhaps after the repetition,
// from a process that was killed or stood still in the middle of its request. Whoever does not look, or does not recognise what
// is there, fails.
func (tr *traffic) saidOnce() {
	tr.t.Helper()
	said, calls := map[string]int{}, tr.slack.Calls("")
	for i, c := range calls {
		what, posted := tr.posted(c)
		if !posted {
			continue
		}
		key := what.String()
		if first, again := said[key]; again {
			looks := tr.looks(c.Args["thread_ts"], what.Incident)
			if excused(calls, first, i, looks) {
				tr.t.Logf("said twice, because one took effect after the author of the other one had looked: %s", key)
			} else {
				tr.recall(calls, first, i, looks)
				tr.t.Errorf("SAID TWICE: %s: %s", key, c.Args["text"])
			}
		}
		said[key] = i
	}
	for _, ref := range tr.column(`SELECT ref FROM deliveries WHERE follower = 'slack' AND state = 'sent' AND destination = 'thread' GROUP BY ref HAVING count(*) > 1`) {
		tr.t.Errorf("two deliveries became one message: %s", ref)
	}
}

// excused reports whether the one of two messages that repeats the other could not know of it. Calls are in the order in which they
// took effect; the repetition is the one that was sent later. Others' looks say nothing of what its author knew.
func excused(calls []fakeslack.Call, first, second int, looks func(fakeslack.Call) bool) bool {
	again := second
	if calls[second].At.Before(calls[first].At) {
		again = first // the other one was on its way all the time
	}
	his := func(l fakeslack.Call) bool { return l.From == calls[again].From && looks(l) }
	return slices.ContainsFunc(calls[:first], his) && (again == first || !slices.ContainsFunc(calls[first:second], his))
}

// recall logs what was asked and said around two messages that say the same, in the order in which it took effect.
func (tr *traffic) recall(calls []fakeslack.Call, first, second int, looks func(fakeslack.Call) bool) {
	tr.t.Helper()
	for i, c := range calls[:second+1] {
		if i == first || i == second || looks(c) {
			tr.t.Logf("call %d, from process %s, arrived %s: %s", i, c.From, c.At.Format(time.StampMicro), c.Method)
		}
	}
}

// looks tells calls that look for a line of the thread, or for the card of the incident where there is no thread.
func (tr *traffic) looks(thread, incident string) func(fakeslack.Call) bool {
	opened := tr.now(incident).Incident.OpenedAt.Add(-10 * time.Minute) // to the microsecond: others were opened in the same second
	since := fmt.Sprintf("%d.%06d", opened.Unix(), opened.Nanosecond()/1000)
	return func(c fakeslack.Call) bool {
		if thread != "" {
			return c.Error == "" && c.Method == "conversations.replies" && c.Args["ts"] == thread
		}
		return c.Error == "" && c.Method == "conversations.history" && c.Args["oldest"] == since
	}
}
