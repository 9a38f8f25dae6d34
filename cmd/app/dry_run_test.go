package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/cmd/api"
)

// planOf asks a running server for a dry run as Ana.
func planOf(t *testing.T, a *App, runbook string, args ...string) (status int, p api.Planned, ans pointsman.Answer) {
	t.Helper()
	where := fmt.Sprintf("http://%s/api/v1/runbooks/%s/plan?%s", a.Addr(), runbook, url.Values{"arg": args}.Encode())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, where, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer a-token-of-ana-x")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	into := any(&p)
	if resp.StatusCode != http.StatusOK {
		into = &ans
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, p, ans
}

// Before the maintenance a person asks what would happen. "Nothing stands in the way", from a dry run that knows no locks,
// is what they would plan with.
func TestADryRunOfARunningServerKnowsWhatIsHeld(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a, _ := offering(t, quiet+`alertmanager: {tokens: [token-of-the-test]}
people:
  - {id: ana, name: Ana Ruiz, token: a-token-of-ana-x, roles: [dba, oncall]}
  - {id: ben, name: Ben Okafor, token: a-token-of-ben-x, roles: [dba, oncall]}
targets: {service: [{name: api, environment: staging, commands: {restart: [`+program+`]}, health: [{url: "http://127.0.0.1:1/"}]}]}
`)
	a.server.start()
	status, p, _ := planOf(t, a, "service-restart", "api")
	if status != http.StatusOK || p.Proposal.State != pointsman.ProposalReady || len(p.Held.Protections)+len(p.Held.Runs) > 0 {
		t.Fatalf("%d: %s %q %+v", status, p.Proposal.State, p.Proposal.Problem, p.Held)
	}
	if by := p.Proposal.Requester.Person.Name; by != "Ana Ruiz" {
		t.Errorf("it is judged as if %q asked", by)
	}
	api := pointsman.Target{Kind: "service", Name: "api"}
	by := pointsman.Actor{Person: pointsman.Person{ID: "ben", Name: "Ben Okafor", Roles: []string{"dba"}}, Door: pointsman.DoorCLI}
	for _, c := range []pointsman.Protect{{Verb: pointsman.Lockout, Target: api}, {Verb: pointsman.Freeze}} {
		c.Reason, c.By, c.Roles = "the rack moves", by, []string{"dba"}
		if res, err := a.store.Do(t.Context(), c); err != nil || !res.Answer.OK() {
			t.Fatalf("%+v, %v", res.Answer, err)
		}
	}
	before, err := a.store.Events(t.Context(), "", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	status, p, _ = planOf(t, a, "service-restart", "api")
	said := ""
	for _, f := range pointsman.Refusals(p.Proposal.Facts) {
		said += f.Guard + " " + f.Sentence() + "\n"
	}
	for _, want := range []string{"G7 service/api is locked by Ben Okafor", "G23 everything is frozen by Ben Okafor", "the rack moves"} {
		if status != http.StatusOK || p.Proposal.State != pointsman.ProposalRefused || !strings.Contains(said, want) {
			t.Errorf("%d, %s, want %q:\n%s", status, p.Proposal.State, want, said)
		}
	}
	if status, _, ans := planOf(t, a, "service-restart", "apx"); status != http.StatusUnprocessableEntity || !strings.Contains(ans.Text, "apx") {
		t.Errorf("a target that is not there: %d %q", status, ans.Text)
	}
	after, err := a.store.Events(t.Context(), "", 0, 100)
	if err != nil || len(after) != len(before) {
		t.Errorf("%d entries of the record became %d, %v", len(before), len(after), err)
	}
	if list, err := a.store.IncidentsBefore(t.Context(), "", false, 10); err != nil || len(list) > 0 {
		t.Errorf("it left %d incidents, %v", len(list), err)
	}
}

// remembered are records that a test gives.
type remembered struct {
	held pointsman.Held
	err  error
}

func (r remembered) Held(context.Context) (pointsman.Held, error) { return r.held, r.err }

// trying is a dry run of moving the API with these records.
func trying(t *testing.T, records actions.Records) (api.Planned, error) {
	t.Helper()
	tc := newTryout(t, "http://127.0.0.1:1")
	snap, faults, err := compile(tc.cfg)
	if err := joinAll(err, faults); err != nil {
		t.Fatal(err)
	}
	kinds, err := kindsOf(tc.cfg)
	if err != nil {
		t.Fatal(err)
	}
	registry, err := actions.NewRegistry(nil, kinds...)
	if err != nil {
		t.Fatal(err)
	}
	catalog := newCatalog(snap)
	log := slog.New(slog.DiscardHandler)
	warden := &actions.Warden{Records: records, Guards: catalog.Guards, Drills: catalog.Drills, Kinds: registry, CheckTimeout: time.Second}
	offer, err := catalog.Offer("move-api", []string{"api-database"})
	if err != nil {
		t.Fatal(err)
	}
	d := dryRun{&actions.Resolver{Kinds: registry, Catalog: recognised{catalog}, CheckTimeout: time.Second, Warden: warden, Log: log}, records, time.Now}
	carl := pointsman.Actor{Person: pointsman.Person{ID: "carl", Name: "Carl"}, Door: pointsman.DoorCLI} // so that two others may approve
	p, ans, err := d.Plan(t.Context(), offer, carl)
	if err == nil && !ans.OK() {
		t.Errorf("%+v", ans)
	}
	return p, err
}

// A target that was moved an hour ago cools down, and one on which a run is at work is not free: the first is a fact, the second
// is what the votes would be refused for.
func TestADryRunKnowsTheCoolDownAndTheRunAtWork(t *testing.T) {
	t.Parallel()
	const target = "endpoint/api-database"
	now := time.Now()
	p, err := trying(t, remembered{held: pointsman.Held{
		Protections: []pointsman.Protection{
			{Target: target, Moved: pointsman.Moved{Run: "INC-3/R1", Runbook: "move-api", At: now.Add(-10 * time.Minute)}},
			{Target: "postgres/users", Hold: pointsman.Hold{By: ben, Reason: "elsewhere", Since: now}},
		},
		Runs: []pointsman.Lock{{Target: target, Incident: "INC-4", Run: "INC-4/R1", Since: now}, {Target: "postgres/users", Incident: "INC-5", Run: "INC-5/R1", Since: now}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	for _, f := range p.Proposal.Facts {
		said += f.Name + ": " + f.Text + "\n"
	}
	if p.Proposal.State != pointsman.ProposalReady || !strings.Contains(said, "cool-down: endpoint/api-database was moved by INC-3/R1 (move-api)") {
		t.Errorf("%s %s:\n%s", p.Proposal.State, p.Proposal.Problem, said)
	}
	if len(p.Held.Protections) != 1 || p.Held.Protections[0].Target != target || len(p.Held.Runs) != 1 || p.Held.Runs[0].Run != "INC-4/R1" {
		t.Errorf("of what is held it shows %+v", p.Held)
	}
	if _, err := trying(t, remembered{err: errors.New("the disk is full")}); err == nil {
		t.Error("a store that does not answer reads as: nothing is held")
	}
}
