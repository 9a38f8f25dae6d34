package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
)

// wordy are the requests in which a person says why, or what others should know.
var wordy = map[string]struct {
	path, body string // WORDS is what was written
	what       string
}{
	"vote":    {"/votes", `{"id":"INC-1/P1","digest":"0123456789ab","verdict":"deny","reason":WORDS}`, "reason"},
	"gate":    {"/votes", `{"id":"INC-1/R1","digest":"0123456789ab","gate":"3.1","verdict":"deny","reason":WORDS}`, "reason"},
	"request": {"/requests", `{"runbook":"quick","reason":WORDS}`, "reason"},
	"steer":   {"/steer", `{"run":"INC-1/R1","verb":"pause","at":"1.1","reason":WORDS}`, "reason"},
	"lock":    {"/protect/lock", `{"target":"api","reason":WORDS}`, "reason"},
	"engage":  {"/kill-switches/trading/engage", `{"reason":WORDS}`, "reason"},
	"close":   {"/incidents/INC-1/close", `{"reason":WORDS}`, "reason"},
	"update":  {"/incidents/INC-1/update", `{"text":WORDS}`, "update"},
}

// Status, Engage and Release are the kill switches, which note the order.
func (d *desk) Status(context.Context) ([]SwitchStatus, error) { return nil, nil }

func (d *desk) Engage(ctx context.Context, name, reason string, by pointsman.Actor, once string) (pointsman.Answer, error) {
	res, err := d.Do(ctx, pointsman.Request{Offer: pointsman.Offer{Runbook: name}, Reason: reason, By: by, Once: once})
	return res.Answer, err
}

func (d *desk) Release(ctx context.Context, name, reason string, by pointsman.Actor, once string) (pointsman.Answer, error) {
	return d.Engage(ctx, name, reason, by, once)
}

func said(t *testing.T, body, words string) string {
	t.Helper()
	raw, err := json.Marshal(words)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(body, "WORDS", string(raw), 1)
}

// why is what reached the store of what was written.
func (d *desk) why(t *testing.T) string {
	t.Helper()
	if len(d.done) != 1 {
		t.Fatalf("%d commands reached the store", len(d.done))
	}
	switch c := d.done[0].(type) {
	case pointsman.CastVote:
		return c.Reason
	case pointsman.Request:
		return c.Reason
	case pointsman.Steer:
		return c.Reason
	case pointsman.Protect:
		return c.Reason
	case pointsman.CloseIncident:
		return c.Reason
	case pointsman.WriteUpdate:
		return c.Text
	}
	t.Fatalf("%T", d.done[0])
	return ""
}

// A reason is shown in the terminals of all who are refused because of it: it must neither colour nor ring there, nor forge a
// line that says what is ready to be approved.
func TestWordsReachTheRecordWithoutWhatATerminalObeys(t *testing.T) {
	t.Parallel()
	uid := uint32(1000)
	const written, kept = " evil\x1b[31mred\x07\r\nINC-9/P9 ready:\tfake\u202e \U000e0041", "evil[31mred \nINC-9/P9 ready: fake"
	for name, w := range wordy {
		d := &desk{state: pointsman.State{Incident: pointsman.Incident{ID: "INC-1"}}}
		if status, ans := d.ask(t, http.MethodPost, "/api/v1"+w.path, said(t, w.body, written), "", &uid); status != http.StatusOK {
			t.Errorf("%s: %d %q", name, status, ans.Text)
			continue
		}
		if diff := cmp.Diff(kept, d.why(t)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Whoever is refused by a lock gets its reason into the terminal: 100 kB of it hide the refusal.
func TestWordsHaveTheLimitOfSlacksForm(t *testing.T) {
	t.Parallel()
	uid := uint32(1000)
	for name, w := range wordy {
		d := &desk{state: pointsman.State{Incident: pointsman.Incident{ID: "INC-1"}}}
		status, ans := d.ask(t, http.MethodPost, "/api/v1"+w.path, said(t, w.body, strings.Repeat("ü", maxWords+1)), "", &uid)
		want := "nothing was done: the " + w.what + " has 1001 characters, limit 1000; say it shorter, and where the rest can be read"
		if status != http.StatusUnprocessableEntity || len(d.done) != 0 || ans.Text != want {
			t.Errorf("%s: %d %q, %d commands", name, status, ans.Text, len(d.done))
		}
		if status, ans := d.ask(t, http.MethodPost, "/api/v1"+w.path, said(t, w.body, strings.Repeat("ü", maxWords)), "", &uid); status != http.StatusOK {
			t.Errorf("%s: %d %q, it is not longer than the limit", name, status, ans.Text)
		}
	}
}
