package fakeslack_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman/bot/fakeslack"
)

func browse(t *testing.T, s *fakeslack.Slack, method, path string, form url.Values) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://slack.test"+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if o := form.Get("origin"); o != "" {
		r.Header.Set("Origin", o)
	}
	resp, err := (&http.Client{Transport: fakeslack.Transport(s)}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestThePageShowsTheChannelToEachPerson(t *testing.T) {
	t.Parallel()
	s, c := world(t, fakeslack.Config{})
	ts := post(t, c, slack.MsgOptionText("x", false), slack.MsgOptionBlocks(card()...))
	post(t, c, slack.MsgOptionText("running 4/7 promote", false), slack.MsgOptionTS(ts))
	if _, err := c.PostEphemeralContext(t.Context(), "C0INC", "U0ANA", slack.MsgOptionText("you cannot approve your own", false)); err != nil {
		t.Fatal(err)
	}
	_, ana := browse(t, s, "GET", "/channel/C0INC?as=U0ANA", nil)
	for _, want := range []string{
		"<h3>PostgreSQL failover</h3>", "<strong>pg-a</strong>", `class="btn primary"`, `class="btn danger"`,
		`data-confirm="Promote pg-b?"`, "running 4/7 promote", "1 reply", "Only visible to you", "you cannot approve your own", "Database on call",
	} {
		if !strings.Contains(ana, want) {
			t.Errorf("the page of ana lacks %s", want)
		}
	}
	if _, ben := browse(t, s, "GET", "/channel/C0INC?as=U0BEN", nil); strings.Contains(ben, "you cannot approve your own") {
		t.Error("ben sees what only ana may see")
	}
	if _, alone := browse(t, s, "GET", "/message/C0INC/"+ts, nil); !strings.Contains(alone, "PostgreSQL failover") || strings.Contains(alone, "running 4/7") {
		t.Error("the page of the card shows the wrong thing")
	}
	if status, _ := browse(t, s, "GET", "/channel/C0NONE", nil); status != http.StatusNotFound {
		t.Errorf("unknown channel: %d", status)
	}
}

func TestThePagePressesTypesAndRefusesOtherSites(t *testing.T) {
	t.Parallel()
	s, c := world(t, fakeslack.Config{})
	pressed := make(chan string, 2)
	app(t, s, func(_ http.ResponseWriter, r *http.Request, _ []byte) {
		if strings.HasSuffix(r.URL.Path, "commands") {
			cmd, _ := slack.SlashCommandParse(r)
			pressed <- cmd.Command + " " + cmd.Text
			return
		}
		in, _ := slack.InteractionCallbackParse(r)
		pressed <- in.User.ID + " " + in.ActionCallback.BlockActions[0].ActionID
	})
	ts := post(t, c, slack.MsgOptionText("x", false), slack.MsgOptionBlocks(card()...))
	click := url.Values{"as": {"U0BEN"}, "channel": {"C0INC"}, "ts": {ts}, "block": {"decide"}, "action": {"reject"}}
	if status, body := browse(t, s, "POST", "/do/press", click); status != http.StatusNoContent || <-pressed != "U0BEN reject" {
		t.Errorf("press: %d %s", status, body)
	}
	if status, _ := browse(t, s, "POST", "/do/type", url.Values{"as": {"U0BEN"}, "channel": {"C0INC"}, "text": {"/pointsman  help me "}}); status != http.StatusNoContent || <-pressed != "/pointsman help me" {
		t.Errorf("type: %d", status)
	}
	browse(t, s, "POST", "/do/type", url.Values{"as": {"U0BEN"}, "channel": {"C0INC"}, "text": {"<b>& hello"}})
	s.Story(t).Channel("C0INC").WaitMessage("&lt;b&gt;&amp; hello", "<b>& hello")
	click.Set("action", "gone")
	if status, body := browse(t, s, "POST", "/do/press", click); status != http.StatusBadRequest || !strings.Contains(body, "that button is gone") {
		t.Errorf("gone: %d %s", status, body)
	}
	click.Set("origin", "https://elsewhere.example")
	if status, _ := browse(t, s, "POST", "/do/press", click); status != http.StatusForbidden {
		t.Errorf("another site: %d", status)
	}
}
