package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/pointsman/pointsman"
)

// desk is everything behind the door, noting what reached it.
type desk struct {
	done  []pointsman.Command
	names map[string]string
	notes []pointsman.Event
	state pointsman.State
	fails error // of every command
}

func (d *desk) Do(_ context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	if d.fails != nil {
		return pointsman.Result{}, d.fails
	}
	d.done = append(d.done, cmd)
	return pointsman.Result{Answer: pointsman.Answer{Code: pointsman.CodeAccepted, Text: "done"}}, nil
}

func (d *desk) State(_ context.Context, incident string) (pointsman.State, error) {
	if incident != d.state.Incident.ID {
		return pointsman.State{}, pointsman.Errorf(pointsman.CodeNotFound, "there is no incident %s", incident)
	}
	return d.state, nil
}

func (d *desk) IncidentsBefore(context.Context, string, bool, int) ([]pointsman.Incident, error) {
	return nil, nil
}

func (d *desk) Events(context.Context, string, int64, int) ([]pointsman.Logged, error) {
	return nil, nil
}

func (d *desk) Note(_ context.Context, events ...pointsman.Event) error {
	d.notes = append(d.notes, events...)
	return nil
}

func (d *desk) Bind(_ context.Context, once, asked string) (bool, error) {
	if d.names == nil {
		d.names = map[string]string{}
	}
	if _, given := d.names[once]; !given {
		d.names[once] = asked
	}
	return d.names[once] == asked, nil
}

var ana = pointsman.Person{ID: "ana", Name: "Ana", Roles: []string{"dba"}}

func (d *desk) ByToken(token string) (pointsman.Person, bool) {
	return ana, token == "the-token-of-ana"
}

func (d *desk) ByUID(uid uint32) (pointsman.Person, bool) { return ana, uid == 1000 }

// Offer takes every runbook and remembers the mode that was asked for.
func (d *desk) Offer(runbook string, args []string) (pointsman.Offer, error) {
	o := pointsman.Offer{Runbook: runbook}
	for _, a := range args {
		if m, ok := strings.CutPrefix(a, "mode="); ok {
			o.Mode = pointsman.Mode(m)
		}
	}
	return o, nil
}

func (d *desk) Explain(map[string]string) string { return "" }

// ask sends a request as the peer of a Unix socket would, or with a token.
func (d *desk) ask(t *testing.T, method, path, body, token string, uid *uint32) (int, pointsman.Answer) {
	t.Helper()
	e := echo.New()
	(&Server{Store: d, Log: d, People: d, Holds: d, Desk: d, Names: d, Switches: d}).Register(e)
	ctx := t.Context()
	if uid != nil {
		ctx = context.WithValue(ctx, peerKey{}, *uid)
	}
	req := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	switch {
	case strings.Contains(token, " "): // with a scheme of its own
		req.Header.Set("Authorization", token)
	case token != "":
		req.Header.Set("Authorization", "Bearer "+token)
	}
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	var ans pointsman.Answer
	if err := json.Unmarshal(rec.Body.Bytes(), &ans); err != nil {
		t.Fatalf("%s: %v", rec.Body, err)
	}
	return rec.Code, ans
}

func TestWhoMayEnter(t *testing.T) {
	t.Parallel()
	known, stranger := uint32(1000), uint32(4711)
	for name, tc := range map[string]struct {
		token  string
		uid    *uint32
		status int
		says   string
	}{
		"the peer of the socket is a configured person": {"", &known, http.StatusOK, "done"},
		"a personal token":                             {"the-token-of-ana", nil, http.StatusOK, "done"},
		"an unknown uid on the socket":                 {"", &stranger, http.StatusUnauthorized, "the caller (uid 4711) is no person"},
		"a forged token":                               {"the-token-of-anna", nil, http.StatusUnauthorized, "not one of a configured person"},
		"a forged token does not fall back on the uid": {"forged", &known, http.StatusUnauthorized, "not one of a configured person"},
		"the scheme in small letters":                  {"bearer the-token-of-ana", nil, http.StatusOK, "done"},
		"another scheme does not fall back on the uid": {"Basic YW5hOng=", &known, http.StatusUnauthorized, "not one of a configured person"},
		"neither token nor socket":                     {"", nil, http.StatusUnauthorized, "send a personal token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &desk{state: pointsman.State{Incident: pointsman.Incident{ID: "INC-1"}, Proposals: []pointsman.Proposal{{ID: "INC-1/P1"}}}}
			status, ans := d.ask(t, http.MethodPost, "/api/v1/votes", `{"id":"INC-1","digest":"0123456789ab","verdict":"approve"}`, tc.token, tc.uid)
			if status != tc.status || !strings.Contains(ans.Text, tc.says) {
				t.Fatalf("%d %q, want %d %q", status, ans.Text, tc.status, tc.says)
			}
			if refused := tc.status != http.StatusOK; refused != (len(d.notes) == 1) || refused != (len(d.done) == 0) {
				t.Fatalf("refused %v, %d commands, %d entries in the log", refused, len(d.done), len(d.notes))
			}
		})
	}
}

// The log keeps everything for ever: whoever reaches the port must not be able to fill it.
func TestAFloodOfStrangersCannotFillTheLog(t *testing.T) {
	t.Parallel()
	d := &desk{}
	e := echo.New()
	(&Server{Store: d, Log: d, People: d, Holds: d, Desk: d, Names: d}).Register(e)
	for range 200 {
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/incidents", nil))
		if rec.Code != http.StatusUnauthorized {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
	}
	if n := len(d.notes); n < refusalBurst || n > 2*refusalBurst {
		t.Errorf("%d entries in the log for 200 refusals", n)
	}
}

// A commit of which the answer is lost may have happened: nobody may believe that nothing was done, and do it twice.
func TestWhatIsNotKnownIsNotCalledNothing(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		code pointsman.Code // by which the command line tells that the order has to be repeated under its name
		says string
	}{
		{errors.New("commit: connection reset by peer"), CodeUnknown, "it is not known whether this was done, the store did not answer; look before you repeat it: commit: connection reset by peer"},
		{pointsman.Errorf(pointsman.CodeNewer, "INC-1 was written by a newer pointsman"), pointsman.CodeNewer, "nothing was changed: INC-1 was written by a newer pointsman"},
	} {
		d := &desk{fails: tc.err}
		status, ans := d.ask(t, http.MethodPost, "/api/v1/incidents/INC-1/update", `{"text":"we fail over"}`, "the-token-of-ana", nil)
		if status != http.StatusServiceUnavailable || ans.Code != tc.code || ans.Text != tc.says {
			t.Errorf("%d %s %q, want %s %q", status, ans.Code, ans.Text, tc.code, tc.says)
		}
	}
}

func TestABodyThatNobodyWritesIsNotRead(t *testing.T) {
	t.Parallel()
	d := &desk{}
	status, ans := d.ask(t, http.MethodPost, "/api/v1/incidents/INC-1/update", `{"text":"`+strings.Repeat("x", maxBody)+`"}`, "the-token-of-ana", nil)
	if status != http.StatusBadRequest || len(d.done) != 0 {
		t.Errorf("%d %s", status, ans.Text)
	}
}

func TestAnIncidentNamesTheProposalThatItsCardShowsFirst(t *testing.T) {
	t.Parallel()
	uid := uint32(1000)
	d := &desk{state: pointsman.State{Incident: pointsman.Incident{ID: "INC-1"}, Proposals: []pointsman.Proposal{
		{ID: "INC-1/P1", State: pointsman.ProposalRefused}, {ID: "INC-1/P2", State: pointsman.ProposalReady},
	}}}
	d.ask(t, http.MethodPost, "/api/v1/votes", `{"id":"INC-1","digest":"0123456789ab","verdict":"deny","reason":"no"}`, "", &uid)
	vote, ok := d.done[0].(pointsman.CastVote)
	if !ok || vote.Proposal != "INC-1/P2" || vote.By.Person.ID != "ana" || vote.By.Door != pointsman.DoorCLI {
		t.Fatalf("%+v", d.done[0])
	}
	d.state.Proposals[0] = pointsman.Proposal{ID: "INC-1/P1", State: pointsman.ProposalApproved, Run: "INC-1/R1"}
	d.state.Runs = []pointsman.Run{{ID: "INC-1/R1", State: pointsman.RunAborted}} // its approval makes room for what can still be done
	d.ask(t, http.MethodPost, "/api/v1/votes", `{"id":"INC-1","digest":"0123456789ab","verdict":"approve"}`, "", &uid)
	if vote, _ := d.done[1].(pointsman.CastVote); vote.Proposal != "INC-1/P2" {
		t.Errorf("%+v", d.done[1])
	}
}

func TestUnknownThingsAreSaid(t *testing.T) {
	t.Parallel()
	uid := uint32(1000)
	d := &desk{}
	if status, ans := d.ask(t, http.MethodPost, "/api/v1/votes", `{"id":"INC-9","digest":"0123456789ab"}`, "", &uid); status != http.StatusNotFound || !strings.Contains(ans.Text, "INC-9") {
		t.Fatalf("%d %q", status, ans.Text)
	}
	if status, ans := d.ask(t, http.MethodGet, "/api/v1/incidents/INC-9/events", "", "", &uid); status != http.StatusNotFound || !strings.Contains(ans.Text, "INC-9") {
		t.Fatalf("%d %q", status, ans.Text)
	}
	if status, _ := d.ask(t, http.MethodPost, "/api/v1/votes", `{"id":`, "", &uid); status != http.StatusBadRequest {
		t.Fatalf("%d", status)
	}
}

func TestAVoteAtAGateSaysRunStepAndAttempt(t *testing.T) {
	t.Parallel()
	uid := uint32(1000)
	d := &desk{state: pointsman.State{Incident: pointsman.Incident{ID: "INC-1"}}}
	d.ask(t, http.MethodPost, "/api/v1/votes", `{"id":"INC-1/R1","digest":"0123456789ab","gate":"3.1","verdict":"deny","reason":"it lags"}`, "", &uid)
	got, ok := d.done[0].(pointsman.CastVote)
	if !ok || got.Run != "INC-1/R1" || got.Mark != "3.1" || got.Proposal != "" || got.Verdict != pointsman.Deny || got.Reason != "it lags" || got.By.Person.ID != "ana" {
		t.Fatalf("%+v", d.done)
	}
}

// An alert that two services match has an incident of its own, and its card says with which words one of them is chosen there.
func TestARequestMayBelongToAnIncident(t *testing.T) {
	t.Parallel()
	uid := uint32(1000)
	for body, want := range map[string]string{
		`{"runbook":"quick","args":["api","incident=inc-7"]}`:                     "INC-7",
		`{"runbook":"quick","args":["api"],"incident":"INC-7"}`:                   "INC-7",
		`{"runbook":"quick","args":["incident=INC-7", "api"],"incident":"INC-7"}`: "INC-7",
		`{"runbook":"quick","args":["api"]}`:                                      "",
		`{"runbook":"quick","args":["api", "incident=INC-8"],"incident":"INC-7"}`: "nothing was done: INC-7 and INC-8 are two incidents; keep one of them",
	} {
		d := &desk{}
		_, said := d.ask(t, http.MethodPost, "/api/v1/requests", body, "", &uid)
		if len(d.done) == 0 {
			if want == "" || said.Text != want {
				t.Errorf("%s: %q", body, said.Text)
			}
			continue
		}
		if got, ok := d.done[0].(pointsman.Request); !ok || got.Incident != want {
			t.Errorf("%s: it belongs to %q, want %q", body, got.Incident, want)
		}
	}
}

func TestARequestSaysWhatTheRunIsFor(t *testing.T) {
	t.Parallel()
	uid := uint32(1000)
	d := &desk{}
	d.ask(t, http.MethodPost, "/api/v1/requests", `{"runbook":"postgres-switchover","args":["orders"],"mode":"drill"}`, "", &uid)
	if got, ok := d.done[0].(pointsman.Request); !ok || got.Offer.Mode != pointsman.ModeDrill {
		t.Fatalf("%+v", d.done)
	}
}
