package alerts_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/alerts"
)

func TestReceive_strangers_are_turned_away(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, authorization, want string }{
		{"no token", "", "carries no bearer token"},
		{"wrong token", "Bearer guess", "not one of the configured ones"},
		{"empty token", "Bearer ", "not one of the configured ones"},
		{"beginning of the token", "Bearer " + token[:10], "not one of the configured ones"},
		{"basic", "Basic dTpw", "not authorised by a bearer token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, alerts.Route{})
			code, text := d.postAs(t, tt.authorization, bytes.NewReader(recorded(t, "alertmanager-0.34.2/1-firing-1firing.json")))
			if code != http.StatusUnauthorized || !strings.Contains(text, tt.want) {
				t.Errorf("%d %s", code, text)
			}
			notes := d.noted()
			if len(notes) != 1 || notes[0].Type != pointsman.EvDoorRefused || !strings.Contains(notes[0].Text, tt.want) {
				t.Errorf("audit: %+v", notes)
			}
			if len(d.incidents()) != 0 {
				t.Error("a stranger opened an incident")
			}
			if strings.Contains(text+notes[0].Text, token) {
				t.Error("the answer repeats a token")
			}
		})
	}
}

func TestReceive_both_tokens_are_valid_during_a_rotation(t *testing.T) {
	t.Parallel()
	d := open(t, alerts.Route{})
	for _, tok := range []string{token, newToken} {
		if code, text := d.postAs(t, "bearer "+tok, bytes.NewReader(webhook())); code != http.StatusOK {
			t.Errorf("%d %s", code, text)
		}
	}
	if err := d.h.Reload(alerts.Config{Tokens: []string{newToken}}, router(t, alerts.Route{})); err != nil {
		t.Fatal(err)
	}
	if code, _ := d.post(t, bytes.NewReader(webhook())); code != http.StatusUnauthorized {
		t.Errorf("the old token is still valid: %d", code)
	}
}

func TestReceive_flood_of_strangers_cannot_fill_the_log(t *testing.T) {
	t.Parallel()
	d := open(t, alerts.Route{})
	for range 200 {
		d.postAs(t, "Bearer guess", strings.NewReader("{}"))
	}
	if n := len(d.noted()); n == 0 || n > 15 {
		t.Errorf("%d audit entries for 200 refusals", n)
	}
}

func TestReceive_what_is_not_json_is_refused(t *testing.T) {
	t.Parallel()
	deep := `{"x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`
	for name, body := range map[string]string{
		"empty": "", "text": "hello", "cut off": `{"alerts":[{"status":"fir`, "list": "[]", "two values": `{"alerts":[]}{}`, "too deep": deep,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, alerts.Route{})
			code, text := d.post(t, strings.NewReader(body))
			if code != http.StatusBadRequest || !strings.Contains(text, "not the JSON of an Alertmanager webhook") {
				t.Errorf("%d %s", code, text)
			}
			if len(d.noted()) != 1 || len(d.incidents()) != 0 {
				t.Errorf("%d notes, %d incidents", len(d.noted()), len(d.incidents()))
			}
		})
	}
}

func TestReceive_oversized_body_keeps_its_whole_alerts(t *testing.T) {
	t.Parallel()
	d := open(t, alerts.Route{})
	var many []map[string]any
	pad := strings.Repeat("x", 15<<10)
	for i := range 2700 { // 40 MiB
		a := alert("firing", fmt.Sprintf("%016x", i), map[string]string{"alertname": "PrimaryDown", "cluster": "orders", "instance": fmt.Sprint(i)})
		a["annotations"].(map[string]string)["description"] = pad
		many = append(many, a)
	}
	code, text := d.post(t, bytes.NewReader(webhook(many...)))
	if code != http.StatusOK || !strings.Contains(text, "larger than 32 MiB") {
		t.Errorf("%d %s", code, text)
	}
	got := d.incidents()
	if len(got) != 1 || got[0].Key != "target:postgres/orders" || got[0].Firing < 2000 || !got[0].Cut || got[0].Truncated != 0 {
		t.Errorf("%+v", briefly(got))
	}
	if n := d.noted(); len(n) != 1 || !strings.Contains(n[0].Text, "larger than 32 MiB") {
		t.Errorf("audit: %+v", n)
	}
}

// Two bytes make an alert: 32 MiB of them are eleven million, which would take gigabytes.
func TestReceive_more_alerts_than_any_real_message_has_are_cut_off(t *testing.T) {
	t.Parallel()
	d := open(t, alerts.Route{})
	code, text := d.post(t, strings.NewReader(`{"receiver":"ops","alerts":[`+strings.Repeat(`{},`, 200_000)+`{}]}`))
	if code != http.StatusOK || !strings.Contains(text, "more than 200000 alerts") {
		t.Errorf("%d %s", code, text)
	}
	if got := d.incidents(); len(got) != 1 || got[0].Firing != 1 || !got[0].Cut {
		t.Errorf("%+v", briefly(got))
	}
}

func TestReceive_oversized_body_without_a_whole_alert_still_opens_an_incident(t *testing.T) {
	t.Parallel()
	d := open(t, alerts.Route{})
	giant := alert("firing", "f", map[string]string{"alertname": "PrimaryDown", "note": strings.Repeat("x", 40<<20)})
	body, err := json.Marshal(giant)
	if err != nil {
		t.Fatal(err)
	}
	if code, text := d.post(t, io.MultiReader(strings.NewReader(`{"receiver":"ops","alerts":[`), bytes.NewReader(body), strings.NewReader("]}"))); code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	want := []brief{{"webhook:ops", `oversized webhook from receiver "ops"`, "open", 1, 1, 0}}
	if diff := cmp.Diff(want, briefly(d.incidents())); diff != "" {
		t.Error(diff)
	}
	// The next readable message of the receiver ends it.
	if code, text := d.post(t, strings.NewReader(`{"receiver":"ops","groupKey":"g","alerts":[{"status":"firing","labels":{"alertname":"A"}}]}`)); code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	if got := d.incidents(); len(got) != 2 || got[0].State != pointsman.IncidentResolved {
		t.Errorf("%+v", briefly(got))
	}
}

func TestReceive_hostile_labels_are_only_data(t *testing.T) {
	t.Parallel()
	d := open(t, alerts.Route{})
	for i, evil := range []string{"<!channel>", "$(rm -rf /)", "'; DROP TABLE incidents; --", "orders\x00", "\u202eorders", `{{printf "%1000000d" 1}}`, "orders|billing", strings.Repeat("a", 1<<20)} {
		body := webhook(alert("firing", fmt.Sprintf("f%d", i), map[string]string{"alertname": "PrimaryDown", "cluster": evil, "severity": evil}))
		if code, text := d.post(t, bytes.NewReader(body)); code != http.StatusOK {
			t.Errorf("%q: %d %s", evil[:min(len(evil), 20)], code, text)
		}
	}
	got := d.incidents()
	if len(got) != 1 || !strings.HasPrefix(got[0].Key, "group:") {
		t.Fatalf("%+v", briefly(got))
	}
	for _, p := range d.states[got[0].ID].Proposals {
		if p.State != pointsman.ProposalRefused || p.Target.Key() != "" || len(p.Params) != 0 || !strings.Contains(p.Problem, "no configured postgres matches the alert's labels") {
			t.Errorf("%+v", p)
		}
		if len(p.Problem) > 500 || strings.ContainsAny(p.Problem, "\x00\u202e\n") {
			t.Errorf("the sentence is not fit for people: %q", p.Problem)
		}
	}
}

func TestReceive_invalid_utf8_is_kept(t *testing.T) {
	t.Parallel()
	d := open(t, alerts.Route{})
	body := "{\"receiver\":\"r\",\"groupKey\":\"g\",\"alerts\":[{\"status\":\"firing\",\"labels\":{\"alertname\":\"A\\xff\xfe\",\"n\":5,\"o\":{\"a\":[1]}},\"annotations\":null,\"startsAt\":12}]}"
	body = strings.ReplaceAll(body, `\xff`, "\xff")
	if code, text := d.post(t, strings.NewReader(body)); code != http.StatusOK || len(d.incidents()) != 1 {
		t.Errorf("%d %s", code, text)
	}
}

// A network that fails is no message that can never be read: Alertmanager must send it again.
func TestReceive_a_body_that_does_not_arrive_may_come_again(t *testing.T) {
	t.Parallel()
	d := open(t, alerts.Route{})
	e := echo.New()
	d.h.Register(e)
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, alerts.Path, io.MultiReader(bytes.NewReader(webhook()[:20]), iotest.ErrReader(os.ErrDeadlineExceeded)))
	req.Header.Set("Authorization", "Bearer "+token)
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	if rec.Code != http.StatusServiceUnavailable || !strings.Contains(rec.Body.String(), "send it again") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if len(d.noted()) != 0 || len(d.incidents()) != 0 {
		t.Errorf("%d notes, %d incidents", len(d.noted()), len(d.incidents()))
	}
}
