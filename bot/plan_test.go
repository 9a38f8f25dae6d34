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
		if len(got) != 1 || got[0].Destination != destRoom || json.Unmarshal(got[0].Payload, &line) != nil || line.Text != want {
			t.Errorf("%q: planned %+v, want %q in the channel", state, got, want)
		}
	}
}
