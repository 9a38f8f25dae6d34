package e2e

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/pointsman/pointsman"

	_ "github.com/jackc/pgx/v5/stdlib" // reads what the program wrote, beside it
	_ "modernc.org/sqlite"
)

// aftermath holds everything that happened against the promises, once the traffic has ended and a program lives:
// nothing dangerous twice, nothing lost, nothing stuck, nothing said twice, nothing left unsaid, no secret told.
func (tr *traffic) aftermath() {
	tr.t.Helper()
	tr.saidAll()
	tr.drained()
	done := map[string]int{}
	for _, key := range tr.effects() {
		if done[key]++; done[key] > 1 {
			tr.t.Errorf("DOUBLE EFFECT: %s was carried out %d times", key, done[key])
		}
	}
	runs := 0
	for _, incident := range tr.column(`SELECT id FROM incidents ORDER BY number`) {
		st := tr.now(incident)
		if len(st.Runs) != 1 || st.Runs[0].State != pointsman.RunDone || st.Incident.State != pointsman.IncidentResolved {
			tr.t.Errorf("%s is not at its end: %s", incident, brief(st))
			continue
		}
		runs++
		r := st.Runs[0]
		if p, ok := st.Proposal(r.Proposal); !ok || r.Digest != p.Digest || pointsman.Digest(r.Plan) != p.Digest {
			tr.t.Errorf("%s carried out the plan %s with digest %s, approved was %s", r.ID, pointsman.Digest(r.Plan), r.Digest, p.Digest)
		}
		for i, step := range st.Runs[0].Steps {
			if key := fmt.Sprintf("%s/%d", st.Runs[0].ID, i+1); done[key] != 1 {
				tr.t.Errorf("%s is %s and was carried out %d times", key, step.State, done[key])
			}
		}
		tr.record(incident)
	}
	tr.saidOnce()
	tr.paged()
	tr.wholeLogIsIntact()
	tr.nothingLeaked(tr.exported())
	tr.t.Logf("%d runs, %d steps, %d messages in Slack, %d events at PagerDuty", runs, len(done), len(tr.slack.Channel(channel).Messages()), len(tr.pager.Events()))
}

// record holds the log of an incident against what was acknowledged.
func (tr *traffic) record(incident string) {
	tr.t.Helper()
	var all []pointsman.Logged
	if err := tr.read("/api/v1/incidents/"+incident+"/events", &all); err != nil {
		tr.t.Error(err)
		return
	}
	count := func(of pointsman.EventType) (n int) {
		for _, e := range all {
			if e.Type == of {
				n++
			}
		}
		return n
	}
	acknowledged := 0
	for _, to := range tr.webhooks {
		if to == incident {
			acknowledged++
		}
	}
	if n := count(pointsman.EvAlertFiring); n != acknowledged || acknowledged != 1 && acknowledged != many {
		tr.t.Errorf("%s: %d alerts on record, %d were acknowledged, want all of its outage once", incident, n, acknowledged)
	}
	if n := count(pointsman.EvVoteCounted); n != 1 || tr.clicks[incident+"/P1"] == "" && n != 1 {
		tr.t.Errorf("%s: %d votes counted, want 1", incident, n)
	}
	if parked, pages := count(pointsman.EvRunParked), count(pointsman.EvPageTriggered); parked > 0 && pages == 0 {
		tr.t.Errorf("%s was parked %d times and nobody was paged", incident, parked)
	}
	if n := count(pointsman.EvDeliveryLost); n != 0 {
		tr.t.Errorf("%s: %d deliveries lost", incident, n)
	}
}

// paged looks at PagerDuty: what it got twice it recognised, by one key for one event, and each event woke somebody.
func (tr *traffic) paged() {
	tr.t.Helper()
	keys := map[string]string{}
	got := map[string]bool{}
	for _, ev := range tr.pager.Events() {
		got[ev.DedupKey+" "+ev.Action] = true
		if ev.Action != "trigger" {
			continue
		}
		event := fmt.Sprint(ev.Payload.Details["event"])
		if old := keys[event]; old != "" && old != ev.DedupKey {
			tr.t.Errorf("%s was paged under two keys: %s, %s", event, old, ev.DedupKey)
		}
		keys[event] = ev.DedupKey
	}
	// A page that was over before PagerDuty had taken it is none; see ADR 0016.
	for _, page := range tr.column(`SELECT incident || ' ' || event_id FROM log AS page WHERE type = 'page.triggered' AND NOT EXISTS (
		SELECT 1 FROM deliveries AS d JOIN log AS later ON later.incident = page.incident AND later.seq > page.seq AND later.type IN ('page.acknowledged', 'page.resolved')
		WHERE d.follower = 'pagerduty' AND d.event_id = page.event_id AND d.state = 'superseded')`) {
		_, event, _ := strings.Cut(page, " ")
		if keys[event] == "" {
			tr.t.Errorf("NOT PAGED: %s", page)
		}
	}
	if woken := len(tr.pager.Woken()); woken != len(keys) {
		tr.t.Errorf("%d pages woke somebody, want all %d", woken, len(keys))
	}
}

// drained waits until everything that was to be said is said, and nothing was given up.
func (tr *traffic) drained() {
	tr.t.Helper()
	tr.await("everything is said", func() error {
		if open := tr.column(`SELECT follower || ' ' || lane || ': ' || problem FROM deliveries WHERE state = 'pending' ORDER BY id`); len(open) > 0 {
			return fmt.Errorf("%d deliveries are pending, the first is %s", len(open), open[0])
		}
		return nil
	})
	for _, given := range tr.column(`SELECT lane || ': ' || problem FROM deliveries WHERE state = 'parked'`) {
		tr.t.Errorf("given up: %s", given)
	}
}

// column reads one column of texts of the program's database, beside the program.
func (tr *traffic) column(query string) []string {
	tr.t.Helper()
	driver, dsn := "sqlite", "file:"+tr.database()+"?mode=ro&_pragma=busy_timeout(5000)"
	if tr.as.driver == "postgres" {
		driver, dsn = "pgx", tr.dsn
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		tr.t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(tr.t.Context(), query)
	if err != nil {
		tr.t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			tr.t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		tr.t.Fatal(err)
	}
	return slices.Clip(out)
}
