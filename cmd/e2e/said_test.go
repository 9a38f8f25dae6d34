package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/pointsman/pointsman/bot/fakeslack"
)

// saidOnce looks at Slack: each event at most once in a thread, one card per incident. Slack has no idempotency key, so
// one thing is allowed: whoever repeats had looked, and what it looked for arrived only then, from a process that was
// killed or stood still in the middle of its request. Whoever does not look, or does not recognise what is there, fails.
func (tr *traffic) saidOnce() {
	tr.t.Helper()
	said, calls := map[string]int{}, tr.slack.Calls("")
	for i, c := range calls {
		if c.Method != "chat.postMessage" || c.Error != "" {
			continue
		}
		var meta struct {
			About struct {
				Event    string `json:"event_id"`
				Incident string `json:"incident"`
				Kind     string `json:"kind"`
			} `json:"event_payload"`
		}
		if err := json.Unmarshal([]byte(c.Args["metadata"]), &meta); err != nil {
			tr.t.Errorf("metadata of a message: %v: %s", err, c.Args["metadata"])
			continue
		}
		key := "card of " + meta.About.Incident
		if meta.About.Kind != "card" {
			key = fmt.Sprintf("%s %s of %s", meta.About.Kind, meta.About.Event, meta.About.Incident)
		}
		if first, again := said[key]; again {
			looks := tr.looks(c.Args["thread_ts"], meta.About.Incident)
			his := func(l fakeslack.Call) bool { return l.From == c.From && looks(l) } // others' looks say nothing of what he knew
			if slices.ContainsFunc(calls[first:i], his) || !slices.ContainsFunc(calls[:first], his) {
				tr.recall(calls, first, i, looks)
				tr.t.Errorf("SAID TWICE: %s: %s", key, c.Args["text"])
			} else {
				tr.t.Logf("said twice, because the first one arrived after the author of the second one had looked: %s", key)
			}
		}
		said[key] = i
	}
	for _, ref := range tr.column(`SELECT ref FROM deliveries WHERE follower = 'slack' AND state = 'sent' AND destination = 'thread' GROUP BY ref HAVING count(*) > 1`) {
		tr.t.Errorf("two deliveries became one message: %s", ref)
	}
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
