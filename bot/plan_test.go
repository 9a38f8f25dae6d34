package bot

import (
	"encoding/json"
	"testing"

	"github.com/pointsman/pointsman"
)

func TestAChangeOfAKillSwitchIsALineInTheChannel(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]string{"engaged": "🔴 kill switch", "released": "🟢 kill switch", "stale": "🔴 kill switch", "": "🔴 kill switch"} {
		got := (&Sender{}).Plan(pointsman.Logged{Event: pointsman.Event{
			Type: pointsman.EvSwitchChanged, Target: "killswitch/trading", Text: "kill switch", Data: []byte(`{"state":"` + state + `"}`),
		}})
		var line said
		if len(got) != 1 || got[0].Destination != destRoom || json.Unmarshal(got[0].Payload, &line) != nil || line.Text != want || got[0].Class != pointsman.Urgent {
			t.Errorf("%q: planned %+v, want %q in the channel, urgently", state, got, want)
		}
	}
}

// PagerDuty cannot be reached, usually because the network is down, and then hundreds of incidents have lines that wait for one
// post a second. That nobody is being woken, or that two servers take writes, waits for none of them, not even in its own thread.
func TestThatNobodyIsPagedAndASplitBrainWaitForNoChatter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ   pointsman.EventType
		data  string
		pages Pages
		loud  string // the lane of its own
	}{
		{pointsman.EvPageUndelivered, `{}`, &pagerOf{}, "page"},
		{pointsman.EvDeliveryLost, `{"way":"pagerduty","page":true}`, &pagerOf{}, "page"},
		{pointsman.EvPageTriggered, `{}`, nil, "page"},
		{pointsman.EvPageTriggered, `{}`, &pagerOf{}, ""},
		{pointsman.EvPageDelivered, `{}`, &pagerOf{}, ""},
		{pointsman.EvDeliveryLost, `{"way":"email"}`, &pagerOf{}, ""},
		{pointsman.EvTargetAlarm, `{}`, &pagerOf{}, "alarm"},
	} {
		got := (&Sender{pages: c.pages}).Plan(pointsman.Logged{Seq: 9, Event: pointsman.Event{Type: c.typ, Incident: "INC-7", Text: "NOT PAGED", Data: []byte(c.data)}})
		class, lane := pointsman.Normal, "slack/INC-7/thread"
		if c.loud != "" {
			class, lane = pointsman.Urgent, "slack/INC-7/"+c.loud
		}
		if line := got[len(got)-1]; line.Destination != destThread || line.Class != class || line.Lane != lane {
			t.Errorf("%s %s: %s in %s, want %s in %s", c.typ, c.data, line.Class, line.Lane, class, lane)
		}
	}
}
