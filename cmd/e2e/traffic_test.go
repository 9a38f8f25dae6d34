package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
)

// traffic is what the world does all the time, whether the program lives or not: alerts fire, people approve what is
// proposed and look after what is parked. It notes what the program said yes to.
type traffic struct {
	*stage
	workers  sync.WaitGroup
	stopping chan struct{}
	client   *http.Client
	at       func() string // the address of a replica that may live

	mu       sync.Mutex
	webhooks map[string]string // fingerprint -> incident, of webhooks that were answered 200
	clicks   map[string]string // proposal -> person, of clicks that were answered 200
}

// carried is the file to which every step of every run appends its key; a key that is there twice is a double effect.
func (s *stage) carried() string { return filepath.Join(s.dir, "carried-out") }

// effectScript appends the step's key, which outlives every process. The second word is how long it takes. It does not wait
// for the disk: on a busy machine that took longer than the step may.
const effectScript = `#!/bin/sh
set -eu
[ "$2" = 0 ] || sleep "$2"
echo "$POINTSMAN_KEY" | dd of="$1" oflag=append conv=notrunc status=none
`

// crashBook is a runbook of three effects that cannot be seen from outside: after a crash in the middle of one the
// program can only ask a person.
const crashBook = `name: crash
title: Three effects
description: Appends three lines to a file.
owner: oncall
review: 2027-02-01
answers:
  - ['alertname="Crash"']
params:
  service: {type: target, kind: service}
target: service
steps:
  - {name: first, kind: exec.run, with: {service: "${service}", command: effect}, timeout: 700ms}
  - {name: second, kind: exec.run, with: {service: "${service}", command: effect}, timeout: 700ms}
  - {name: third, kind: exec.run, with: {service: "${service}", command: effect}, timeout: 700ms}
approval: {require: [1 of oncall], expires: 15m}
`

// lanes are the services of the traffic: each has one alert at a time. The last one is slow, so that there is a moment
// between two heartbeats, and is approved in Slack; the others over HTTP.
const lanes = 5

// many is how many alerts an outage of the first lane has: more than have their deliveries planned with them, so those are
// left to whoever follows the log.
const many = 101

func lane(i int) string { return fmt.Sprintf("lane-%d", i) }

// openTraffic sets a stage for the traffic, on which nothing runs yet.
func openTraffic(t testing.TB, driver, timings string) *traffic {
	t.Helper()
	return setTraffic(t, setting{driver: driver, timings: timings}, "")
}

// openTrafficOn sets it on a PostgreSQL of the test's own.
func openTrafficOn(t testing.TB, dsn, timings string) *traffic {
	t.Helper()
	return setTraffic(t, setting{driver: "postgres", timings: timings}, dsn)
}

func setTraffic(t testing.TB, as setting, dsn string) *traffic {
	t.Helper()
	program(t) // building it takes minutes on a new machine, which nobody who waits for an answer would have
	var services []string
	dir, err := os.MkdirTemp("", "pointsman-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &stage{t: t, dir: dir, stop: func() {}, dsn: dsn}
	s.write("effect.sh", effectScript, 0o700)
	s.write("carried-out", "", 0o600)
	for i := range lanes {
		long := "0"
		if i == lanes-1 {
			long = "0.25"
		}
		services = append(services, fmt.Sprintf(`{name: %s, environment: test, match: ['service="%[1]s"'], commands: {effect: [%q, %q, "%s"]}, env: [PATH]}`,
			lane(i), filepath.Join(dir, "effect.sh"), s.carried(), long))
	}
	s.as = setting{
		driver: as.driver, folder: as.folder, process: true, pager: true, timings: as.timings, services: strings.Join(services, ", "),
		route: "{update_every: 10m, incident_by: [outage]}",
		books: map[string]string{"crash.yaml": crashBook},
	}
	s.openSlack()
	s.configure()
	tr := &traffic{
		stage: s, stopping: make(chan struct{}), client: &http.Client{Timeout: 10 * time.Second},
		webhooks: map[string]string{}, clicks: map[string]string{},
	}
	tr.at = func() string { return s.base }
	return tr
}

// begin lets the world turn, on all lanes if none are named.
func (tr *traffic) begin(only ...int) {
	for i := range lanes {
		if len(only) > 0 && !slices.Contains(only, i) {
			continue
		}
		tr.workers.Go(func() {
			for n := 0; !tr.over(); n++ {
				if err := tr.outage(i, n); err != nil {
					if tr.t.Context().Err() == nil { // a test that ended early says itself why
						tr.t.Errorf("%s, outage %d: %v", lane(i), n, err)
					}
					return
				}
			}
		})
	}
	tr.t.Cleanup(tr.workers.Wait)
}

func (tr *traffic) over() bool {
	select {
	case <-tr.stopping:
		return true
	case <-tr.t.Context().Done():
		return true
	default:
		return false
	}
}

// end lets everything that began come to its end, with a program that lives.
func (tr *traffic) end() {
	tr.t.Helper()
	close(tr.stopping)
	tr.workers.Wait()
}

// long is how long an outage may last, and how long it may take to come to a place: with kills in between it is many facts.
const long = 5 * patience

// outage is one alert from its first webhook to its last: a worker does what Alertmanager and a person do, and does it
// again for as long as it gets no answer.
func (tr *traffic) outage(i, n int) error {
	ctx, cancel := context.WithTimeout(tr.t.Context(), long)
	defer cancel()
	size := 1
	if i == 0 {
		size = many
	}
	var fire, end []alert
	for pod := range size {
		labels := map[string]string{"alertname": "Crash", "service": lane(i), "outage": fmt.Sprintf("%s-%d", lane(i), n), "severity": "critical", "pod": strconv.Itoa(pod)}
		fire, end = append(fire, firing(labels)), append(end, over(labels))
	}
	incident, err := tr.fire(ctx, fire...)
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	tr.mu.Lock()
	for _, a := range fire {
		tr.webhooks[fmt.Sprint(a["fingerprint"])] = incident
	}
	tr.mu.Unlock()
	run, err := tr.approve(ctx, incident, i == lanes-1)
	if err != nil {
		return fmt.Errorf("%s approved: %w", incident, err)
	}
	if err := tr.lookAfter(ctx, incident, run); err != nil {
		return fmt.Errorf("%s: %w", run, err)
	}
	_, err = tr.fire(ctx, end...)
	return err
}

// poll is how often the world looks; it looks longer at what does not answer. Looking costs both sides: twice as often, and
// two cores do little else.
const poll = 30 * time.Millisecond

var errAgain = errors.New("not yet")

// until does something again and again until it does not say errAgain.
func until(ctx context.Context, do func() error) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		err := do()
		if !errors.Is(err, errAgain) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}

// tell sends a request to a program that may be dead.
func (tr *traffic) tell(ctx context.Context, method, path, token string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, tr.at()+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := tr.client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", errAgain, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusConflict || resp.StatusCode == http.StatusNotFound {
		return fmt.Errorf("%w: %s", errAgain, resp.Status)
	}
	var raw json.RawMessage
	if err := json.NewDecoder(resp.Body).Decode(&raw); err != nil {
		return fmt.Errorf("%w: %w", errAgain, err) // it died in the middle of the answer
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s %s", path, resp.Status, raw)
	}
	return json.Unmarshal(raw, into)
}

func (tr *traffic) fire(ctx context.Context, alerts ...alert) (string, error) {
	var reply struct{ Incidents []string }
	body := webhook(fmt.Sprintf("{}:{%v}", alerts[0]["labels"]), alerts...)
	err := until(ctx, func() error { return tr.tell(ctx, http.MethodPost, webhookPath, webhookToken, body, &reply) })
	if err == nil && len(reply.Incidents) != 1 {
		err = fmt.Errorf("it went to the incidents %q", reply.Incidents)
	}
	if err != nil {
		return "", err
	}
	return reply.Incidents[0], nil
}

func (tr *traffic) look(ctx context.Context, incident string) (st pointsman.State, err error) {
	err = tr.tell(ctx, http.MethodGet, "/api/v1/incidents/"+incident, tokenOf("ana"), nil, &st)
	return st, err
}

// approve waits for the plan and approves it until a run is there. It returns the run.
func (tr *traffic) approve(ctx context.Context, incident string, inSlack bool) (run string, err error) {
	return run, until(ctx, func() error {
		st, err := tr.look(ctx, incident)
		switch {
		case err != nil:
			return err
		case len(st.Runs) > 0:
			run = st.Runs[0].ID
			return nil
		case !ready(st):
			return fmt.Errorf("%w: %s", errAgain, brief(st))
		}
		p := st.Proposals[0]
		if inSlack {
			err = tr.click(ctx, incident)
		} else {
			var ans pointsman.Answer
			body, _ := json.Marshal(map[string]string{"id": p.ID, "digest": p.Digest, "verdict": "approve"}) // strings encode
			err = tr.tell(ctx, http.MethodPost, "/api/v1/votes", tokenOf("ana"), body, &ans)
		}
		if err == nil {
			tr.mu.Lock()
			tr.clicks[p.ID] = "ana"
			tr.mu.Unlock()
			return fmt.Errorf("%w: approved, and there is no run", errAgain)
		}
		return err
	})
}

// click presses Approve on the incident's card, if it is there by now.
func (tr *traffic) click(ctx context.Context, incident string) error {
	card, ok := tr.card(incident)
	if !ok || !slices.Contains(card.Buttons(), "Approve") {
		return fmt.Errorf("%w: the card cannot be approved", errAgain)
	}
	switch r, err := card.Click(ctx, "U0ANA", "Approve"); {
	case err != nil:
		return fmt.Errorf("%w: %w", errAgain, err)
	case r.Status != http.StatusOK:
		return fmt.Errorf("%w: the click was answered %d", errAgain, r.Status)
	}
	return nil
}

func (tr *traffic) card(incident string) (fakeslack.Message, bool) {
	all := tr.slack.Channel(channel).Messages()
	i := slices.IndexFunc(all, func(m fakeslack.Message) bool { return meta(m, "kind") == "card" && meta(m, "incident") == incident })
	if i < 0 {
		return fakeslack.Message{}, false
	}
	return all[i], true
}

func meta(m fakeslack.Message, key string) string {
	if m.Metadata == nil {
		return ""
	}
	value, _ := m.Metadata.EventPayload[key].(string)
	return value
}

// lookAfter waits for the end of the run. Where it is parked a person waits until no command of the step is left,
// looks at the file, and says what is there: the step was carried out, or it was not and may be repeated.
func (tr *traffic) lookAfter(ctx context.Context, incident, id string) error {
	return until(ctx, func() error {
		st, err := tr.look(ctx, incident)
		if err != nil {
			return err
		}
		r, ok := st.Run(id)
		if !ok {
			return errors.New("the run is gone")
		}
		if r.State.Terminal() {
			if r.State != pointsman.RunDone {
				return fmt.Errorf("it is %s: %s", r.State, r.Note)
			}
			return nil
		}
		if r.State == pointsman.RunParked {
			verb, key := pointsman.VerbRetry, fmt.Sprintf("%s/%d", r.ID, r.Current()+1)
			if tr.running(key) {
				return fmt.Errorf("%w: the command of %s still runs", errAgain, key) // what it started does not die with it
			}
			if slices.Contains(tr.effects(), key) {
				verb = pointsman.VerbDone
			}
			var ans pointsman.Answer
			body, _ := json.Marshal(map[string]string{"run": r.ID, "verb": string(verb), "at": r.Mark(), "reason": "looked at the file"}) // strings encode
			if err := tr.tell(ctx, http.MethodPost, "/api/v1/steer", tokenOf("ana"), body, &ans); err != nil && !errors.Is(err, errAgain) {
				tr.t.Logf("%s of %s: %v", verb, r.ID, err) // it was steered, and the answer died with the program
			}
		}
		return fmt.Errorf("%w: %s", errAgain, brief(st))
	})
}

// effects are the keys of the steps that were carried out, each as often as it was.
func (s *stage) effects() []string {
	text, err := os.ReadFile(s.carried())
	if err != nil {
		s.t.Error(err)
	}
	return strings.Fields(string(text))
}

// exportOnce asks for the record until it gets an answer or the program is dead.
func (tr *traffic) exportOnce() {
	ctx, cancel := context.WithTimeout(tr.t.Context(), patience)
	defer cancel()
	_ = until(ctx, func() error { // it dies before it answers
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, tr.at()+"/api/v1/audit/export", nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+tokenOf("ana"))
		resp, err := tr.client.Do(req)
		if err != nil {
			return fmt.Errorf("%w: %w", errAgain, err)
		}
		return resp.Body.Close()
	})
}
