package bot

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/slack-go/slack"
)

// A click that is acknowledged without a word looks as if it were carried out.
func TestWhatSlackSendsAndNobodyExpectsIsAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for payload, want := range map[string]string{
		`{"type":"block_actions","actions":[]}`: "names 0 buttons, so nothing was carried out",
		`{"type":"block_actions","actions":[{"action_id":"approve","block_id":"a","value":"v"},{"action_id":"deny","block_id":"b","value":"v"}]}`: "names 2 buttons, so nothing was carried out",
		`{"type":"message_action"}`: "nothing with a request of this kind (message_action)",
		`{"type":"view_closed"}`:    "",
	} {
		var cb slack.InteractionCallback
		if err := json.Unmarshal([]byte(payload), &cb); err != nil {
			t.Fatalf("%s: %v", payload, err)
		}
		cb.User.ID, cb.User.TeamID, cb.Channel.ID = "U0ANA", "T0POINTS", "C0INC"
		out := w.bot.Handler.interaction(t.Context(), cb)
		if (out.after != nil) != (want != "") || out.err != nil {
			t.Errorf("%s: answered %t, error %v", payload, out.after != nil, out.err)
		}
		if out.after != nil {
			out.after(context.WithoutCancel(t.Context()))
			w.room.WaitEphemeral("U0ANA", want)
		}
	}
}
