package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/lab"
)

// exec runs SQL as the superuser.
func (s *stage) exec(on *lab.Postgres, sql string) {
	s.t.Helper()
	if err := on.Exec(s.t.Context(), sql); err != nil {
		s.t.Fatal(err)
	}
}

// ask reads one row.
func (s *stage) ask(dsn, query string, into ...any) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return conn.QueryRow(ctx, query).Scan(into...)
}

// sampled waits until the program has watched a healthy primary for a while, as it does for days before one dies:
// without that a loss is unknown and needs one more approver.
func (s *stage) sampled() {
	s.t.Helper()
	var first time.Time
	s.await("heartbeats of more than a second are on the standby", func() error {
		var at time.Time
		if err := s.ask(s.pair.Standby.SuperuserDSN(), "SELECT at FROM pointsman_heartbeat WHERE id = 1", &at); err != nil {
			return err
		}
		if first.IsZero() {
			first = at
		}
		if span := at.Sub(first); span < 2500*time.Millisecond {
			return fmt.Errorf("they span %s", span)
		}
		return nil
	})
}

// timeline is that of the server's WAL: one more with each promotion.
func (s *stage) timeline(on *lab.Postgres) int {
	s.t.Helper()
	var hex string
	if err := s.ask(on.SuperuserDSN(), "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)", &hex); err != nil {
		s.t.Fatal(err)
	}
	var n int
	if _, err := fmt.Sscanf(hex, "%x", &n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// promotedOnce holds the candidate against the one thing that must never happen twice.
func (s *stage) promotedOnce() {
	s.t.Helper()
	if n := s.timeline(s.pair.Standby); n != 2 {
		s.t.Errorf("pg-2 is on timeline %d, want 2: exactly one promotion", n)
	}
}

// call sends a request as a person and returns status and body.
func (s *stage) call(person, method, path string, body any) (int, []byte) {
	s.t.Helper()
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		in = bytes.NewReader(b)
	}
	status, out, err := s.send(method, path, tokenOf(person), in)
	if err != nil {
		s.t.Fatal(err)
	}
	return status, out
}

func (s *stage) send(method, path, token string, body io.Reader) (int, []byte, error) {
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, body)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	return resp.StatusCode, out, err
}

// insist sends it again for as long as the program says that it cannot take it now, as Alertmanager does.
func (s *stage) insist(method, path, token string, body []byte) (status int, out []byte, err error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	_ = until(ctx, func() error {
		if status, out, err = s.send(method, path, token, bytes.NewReader(body)); err == nil && status == http.StatusServiceUnavailable {
			return errAgain
		}
		return nil
	})
	return status, out, err
}

// answer is the sentence that a person is told.
func (s *stage) answer(person, path string, body any) (int, string) {
	s.t.Helper()
	status, out := s.call(person, http.MethodPost, path, body)
	var ans pointsman.Answer
	if err := json.Unmarshal(out, &ans); err != nil {
		s.t.Fatalf("%s answered %d %s", path, status, out)
	}
	return status, ans.Text
}

func (s *stage) read(path string, into any) error {
	status, out, err := s.send(http.MethodGet, path, tokenOf("ana"), nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("%s answered %d %s", path, status, out)
	}
	return json.Unmarshal(out, into)
}

// state waits until the incident is as asked.
func (s *stage) state(id, what string, holds func(pointsman.State) bool) pointsman.State {
	s.t.Helper()
	var st pointsman.State
	s.await(id+" "+what, func() error {
		st = pointsman.State{}
		if err := s.read("/api/v1/incidents/"+id, &st); err != nil {
			return err
		}
		if !holds(st) {
			return errors.New("it is " + brief(st))
		}
		return nil
	})
	return st
}

func brief(st pointsman.State) string {
	out := string(st.Incident.State)
	for _, p := range st.Proposals {
		out += fmt.Sprintf("; %s %s %s %s", p.ID, p.Runbook, p.State, p.Problem)
		for _, f := range pointsman.Refusals(p.Facts) {
			out += ", " + f.Sentence()
		}
	}
	for _, r := range st.Runs {
		out += fmt.Sprintf("; %s %s %s", r.ID, r.State, r.Note)
	}
	return out
}

func ready(st pointsman.State) bool {
	return len(st.Proposals) > 0 && pointsman.Ranked(st.Proposals)[0].State == pointsman.ProposalReady
}

func ranDone(st pointsman.State) bool {
	return len(st.Runs) > 0 && st.Runs[0].State == pointsman.RunDone
}

func resolved(st pointsman.State) bool { return st.Incident.State == pointsman.IncidentResolved }

// events are those of one incident.
func (s *stage) events(id string, of pointsman.EventType) []pointsman.Logged {
	s.t.Helper()
	var all []pointsman.Logged
	for last := int64(0); ; last = all[len(all)-1].Seq {
		var page []pointsman.Logged
		if err := s.read(fmt.Sprintf("/api/v1/incidents/%s/events?after=%d", id, last), &page); err != nil {
			s.t.Fatal(err)
		}
		if all = append(all, page...); len(page) < 1000 {
			break
		}
	}
	return slices.DeleteFunc(all, func(e pointsman.Logged) bool { return e.Type != of })
}

// alert is one alert of a webhook.
type alert map[string]any

func firing(labels map[string]string) alert {
	return alert{"status": "firing", "labels": labels, "startsAt": began, "fingerprint": printOf(labels), "annotations": map[string]string{"summary": labels["alertname"] + " fires"}}
}

// began is when the alerts of the stories that need no real Alertmanager started.
var began = time.Now().UTC().Add(-time.Second).Format(time.RFC3339Nano)

func over(labels map[string]string) alert {
	a := firing(labels)
	a["status"], a["endsAt"] = "resolved", time.Now().UTC().Format(time.RFC3339Nano)
	return a
}

func printOf(labels map[string]string) string {
	var out []string
	for k, v := range labels {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	sum := sha256.Sum256([]byte(strings.Join(out, ",")))
	return hex.EncodeToString(sum[:8]) // as long as Alertmanager's
}

// webhook is what Alertmanager posts.
func webhook(group string, alerts ...alert) []byte {
	b, err := json.Marshal(map[string]any{
		"version": "4", "groupKey": group, "receiver": "pointsman", "status": "firing", "truncatedAlerts": 0,
		"groupLabels": map[string]string{}, "commonLabels": map[string]string{}, "commonAnnotations": map[string]string{}, "alerts": alerts,
	})
	if err != nil {
		panic(err) // maps of strings encode
	}
	return b
}

const webhookPath = "/api/v1/alertmanager"

// alarm posts a webhook that must be taken, and returns the incidents it went to.
func (s *stage) alarm(alerts ...alert) []string {
	s.t.Helper()
	status, out, err := s.insist(http.MethodPost, webhookPath, webhookToken, webhook(fmt.Sprintf("{}:{%v}", alerts[0]["labels"]), alerts...))
	if err != nil || status != http.StatusOK {
		s.t.Fatalf("the webhook was answered %d %s, %v", status, out, err)
	}
	var reply struct{ Incidents []string }
	if err := json.Unmarshal(out, &reply); err != nil {
		s.t.Fatal(err)
	}
	return reply.Incidents
}

func primaryDown() map[string]string {
	return map[string]string{"alertname": "PrimaryDown", "cluster": "orders", "severity": "critical"}
}

// kill ends the primary by SIGKILL.
func (s *stage) kill() {
	s.t.Helper()
	if err := s.pair.KillPrimary(); err != nil {
		s.t.Fatal(err)
	}
}
