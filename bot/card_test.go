package bot

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file that can be pasted into Block Kit Builder.
func golden(t *testing.T, name string, blocks []slack.Block) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(map[string]any{"blocks": blocks}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; go test ./bot -update writes it", err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (-want +got); go test ./bot -update writes it anew\n%s", file, diff)
	}
}

// accepts posts the card to a Slack that refuses what Slack refuses.
func accepts(t *testing.T, v View) {
	t.Helper()
	posted(t, Text(v), Card(v))
}

func posted(t *testing.T, text string, blocks []slack.Block) {
	t.Helper()
	fake := fakeslack.New(fakeslack.Config{Channels: []fakeslack.ChannelConfig{{ID: "C0INC", Name: "incidents"}}})
	t.Cleanup(fake.Close)
	api := slack.New(fake.Config().BotToken, slack.OptionAPIURL("http://slack.example/api/"), slack.OptionHTTPClient(&http.Client{Transport: fakeslack.Transport(fake)}))
	_, _, err := api.PostMessageContext(t.Context(), "C0INC", slack.MsgOptionText(text, false), slack.MsgOptionBlocks(blocks...))
	if err != nil {
		t.Errorf("Slack refuses the card: %v", err)
	}
}

// drawn is the card at which the tale has come, as it is kept and as Slack takes it.
func (s *tale) drawn(name string) []slack.Block {
	s.t.Helper()
	v := ViewOf(s.state, s.now)
	v.Paging = s.page
	blocks := Card(v)
	golden(s.t, "card_"+name, blocks)
	limits(s.t, blocks)
	accepts(s.t, v)
	return blocks
}

// limits checks what Slack documents, and the sum that it does not.
func limits(t *testing.T, blocks []slack.Block) {
	t.Helper()
	if len(blocks) > maxBlocks {
		t.Errorf("%d blocks, limit %d", len(blocks), maxBlocks)
	}
	if n := textSize(blocks); n >= maxTotal {
		t.Errorf("%d characters of text, limit %d", n, maxTotal)
	}
	for i, b := range blocks {
		switch b := b.(type) {
		case *slack.HeaderBlock:
			if n := utf8.RuneCountInString(b.Text.Text); n > maxHeader {
				t.Errorf("block %d: header of %d characters, limit %d", i, n, maxHeader)
			}
		case *slack.SectionBlock:
			if err := b.Text.Validate(); err != nil {
				t.Errorf("block %d: %v", i, err)
			}
		}
	}
}

func TestCard(t *testing.T) {
	t.Parallel()
	risky := func(p *pointsman.Plan) {
		p.Acknowledge = []string{"pg-1 was tried from 1 of 2 vantage points; it may still accept writes elsewhere"}
		p.Policy.Require = []pointsman.Requirement{{Count: 1, Role: "dba"}, {Count: 1, Role: "incident-commander", Why: "one vantage point"}}
	}
	stories := map[string]func(*tale) *tale{
		"checking": (*tale).alert,
		"ready":    (*tale).ready,
		"ready_risk": func(s *tale) *tale {
			return s.alert().after(4 * time.Second).switchoverRefused().readyWith(failover(risky))
		},
		"two_ways":   func(s *tale) *tale { return s.alert().readyWith(failover()).readyWith(switchover()) },
		"one_of_two": func(s *tale) *tale { return s.ready().vote(ana, pointsman.Approve, "") },
		"refused":    func(s *tale) *tale { return s.alert().switchoverRefused().refuse("INC-7/P1") },
		"no_target":  func(s *tale) *tale { return s.must(noTarget()) },
		"already":    func(s *tale) *tale { return s.alert().switchoverRefused().already() },
		"denied":     func(s *tale) *tale { return s.ready().vote(ana, pointsman.Deny, "pg-1 is only restarting") },
		"expired":    func(s *tale) *tale { return s.ready().after(16 * time.Minute).must(pointsman.Tick{Incident: "INC-7"}) },
		"queued": func(s *tale) *tale {
			return s.ready().vote(ana, pointsman.Approve, "").vote(ben, pointsman.Approve, "")
		},
		"running": func(s *tale) *tale {
			return s.running().stepEnds(0, pointsman.StepDone, "").stepEnds(1, pointsman.StepDone, "pg-1 is stopped")
		},
		"trying": func(s *tale) *tale {
			s.running().stepEnds(0, pointsman.StepDone, "")
			return s.must(pointsman.TellUnsent{Run: "INC-7/R1", Epoch: 1, Step: 1, Attempt: 1, Why: "pg-1 does not answer: connection refused", Wait: time.Second, Of: 4})
		},
		"parked": (*tale).parked,
		"locked": func(s *tale) *tale {
			return s.ready().must(pointsman.Protect{
				Verb: pointsman.Lockout, Target: orders, For: 2 * time.Hour, Reason: "vacuum full of *payments*", Roles: []string{"dba"}, By: by(ben),
			})
		},
		"frozen": func(s *tale) *tale {
			s = s.running().must(pointsman.Protect{Verb: pointsman.Freeze, Reason: "the network is being rebuilt", Roles: []string{"dba"}, By: by(ben)})
			return s.stepEnds(0, pointsman.StepDone, "")
		},
		"manual_task": (*tale).handTask,
		"manual_due":  func(s *tale) *tale { return s.handTask().taskDue(20 * time.Minute) },
		"manual_late": func(s *tale) *tale {
			return s.handTask().taskDue(20 * time.Minute).after(21 * time.Minute).must(pointsman.Tick{Incident: "INC-7"})
		},
		"watching": func(s *tale) *tale {
			s.running().stepEnds(0, pointsman.StepDone, "").stepEnds(1, pointsman.StepDone, "").stepEnds(2, pointsman.StepDone, "")
			return s.must(pointsman.NoteMemo{Run: "INC-7/R1", Epoch: 1, Step: 3, Memo: []byte(`{}`), Tell: true, Note: "watched for 12m of 30m, 145 samples, 9 good in a row, 1 bad (limit 3), the last bad one: orders-clients answered 503"})
		},
		"left_out": (*tale).leftOut,
		"drill":    (*tale).drill,
		"gate":     (*tale).gate,
		"gate_one_of_two": func(s *tale) *tale {
			return s.gate().must(pointsman.CastVote{Run: "INC-7/R1", Mark: "2.1", Digest: s.state.Runs[0].Digest, Verdict: pointsman.Approve, By: by(ana)})
		},
		"gate_denied": func(s *tale) *tale {
			return s.gate().must(pointsman.CastVote{Run: "INC-7/R1", Mark: "2.1", Digest: s.state.Runs[0].Digest, Verdict: pointsman.Deny, Reason: "pg-2 lags", By: by(ana)})
		},
		"done": (*tale).done,
		"aborted": func(s *tale) *tale {
			return s.parked().must(pointsman.Steer{Run: "INC-7/R1", Verb: pointsman.VerbAbort, Reason: "done by hand", By: by(ana)})
		},
		"voided": (*tale).voided,
		"withdrawn": func(s *tale) *tale {
			return s.ready().after(time.Minute).must(webhook(primaryDown(pointsman.AlertResolved)))
		},
		"resolved": func(s *tale) *tale {
			return s.done().after(time.Minute).must(webhook(primaryDown(pointsman.AlertResolved)))
		},
		"person_opened": (*tale).asked,
		"person_opened_alert_joins": func(s *tale) *tale {
			return s.asked().after(time.Minute).must(webhook(primaryDown(pointsman.AlertFiring)))
		},
		"no_runbook": func(s *tale) *tale {
			c := webhook(primaryDown(pointsman.AlertFiring))
			c.Offers = nil
			return s.must(c)
		},
		"cut_webhook": func(s *tale) *tale {
			c := webhook(primaryDown(pointsman.AlertFiring))
			c.Cut = true
			return s.must(c)
		},
		"three_alerts": func(s *tale) *tale { return s.ready().must(webhook(threeAlerts()...)) },
		"paging":       func(s *tale) *tale { return s.undecided(pointsman.Paging{}) },
		"paged":        func(s *tale) *tale { return s.undecided(pointsman.Paging{Taken: true}) },
		"not_paged": func(s *tale) *tale {
			return s.undecided(pointsman.Paging{Late: true, Problem: "pagerduty answered 500"})
		},
		"page_given_up": func(s *tale) *tale {
			return s.undecided(pointsman.Paging{GivenUp: true, Problem: "pagerduty answered 400: invalid event"})
		},
		"nobody_to_page": func(s *tale) *tale { return s.undecided(pointsman.Paging{Nobody: true}) },
	}
	for name, told := range stories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told(begin(t)).drawn(name)
		})
	}
}

func switchover() pointsman.Plan {
	return failover(func(p *pointsman.Plan) { p.Runbook, p.Title = "postgres-switchover", "PostgreSQL switchover" })
}

func threeAlerts() []pointsman.Alert {
	var out []pointsman.Alert
	for i, name := range []string{"PrimaryDown", "APIDown", "APIDown"} {
		a := primaryDown(pointsman.AlertFiring)
		a.Fingerprint, a.Labels = "f"+number(i+1), map[string]string{"alertname": name}
		out = append(out, a)
	}
	return out
}

func noTarget() pointsman.ReceiveAlerts {
	c := webhook(primaryDown(pointsman.AlertFiring))
	c.Target = pointsman.Target{}
	c.Offers = []pointsman.Offer{{Runbook: "postgres-failover", Title: "PostgreSQL failover to the standby", Problem: "label cluster=orders selects no target; configured: billing, users"}}
	return c
}

func (s *tale) refuse(id string) *tale {
	facts := s.facts()
	facts[0].Result, facts[0].Text, facts[0].Clears = pointsman.Fail, "pg-1 accepts writes from local", "offer switchover"
	return s.must(pointsman.Ready{Proposal: id, Generation: 1, Plan: encoded(s.t, failover()), Facts: facts})
}

func (s *tale) already() *tale {
	return s.must(pointsman.Ready{Proposal: "INC-7/P1", Generation: 1, Plan: encoded(s.t, failover()), Facts: s.facts()[:2], Already: "pg-2 is primary since 02:58:11 UTC, promoted by somebody else"})
}

func (s *tale) voided() *tale {
	s.t.Helper()
	s.ready().vote(ana, pointsman.Approve, "").vote(ben, pointsman.Approve, "")
	late := pointsman.Fact{Guard: "G5", Kind: pointsman.Hard, Name: "pg-2 receive lag", Value: "48 MB", Limit: "16 MB", Result: pointsman.Fail, Text: "replica pg-2 lags 48 MB, limit 16 MB", At: s.now}
	s.do(pointsman.StartRun{Run: "INC-7/R1", Epoch: 1, Facts: []pointsman.Fact{late}, People: map[string]pointsman.Person{"ana": ana, "ben": ben}})
	return s
}

func (s *tale) asked() *tale {
	s.t.Helper()
	s.must(pointsman.Request{Key: "target:postgres/orders", By: by(eve), Reason: "planned maintenance of pg-1", Offer: webhook().Offers[1]})
	p := switchover()
	p.Reason = "planned maintenance of pg-1"
	return s.must(pointsman.Ready{Proposal: "INC-7/P1", Generation: 1, Plan: encoded(s.t, p), Facts: s.facts(), Eligible: []string{"Ana Ruiz"}})
}

// TestHostileCard shows that what a stranger wrote into an alert stays text.
func TestHostileCard(t *testing.T) {
	t.Parallel()
	evil := "<!channel> <https://evil.example|click to approve> $(rm -rf /) '; DROP TABLE runs; -- `code` *bold* \u202Egnp.exe\u200B\x07 & " + strings.Repeat("🔥", 10_000)
	a := primaryDown(pointsman.AlertFiring)
	a.Labels["alertname"] = evil
	a.Annotations = map[string]string{"summary": evil}
	c := webhook(a)
	c.Title, c.Severity = evil, evil
	s := begin(t).must(c)
	facts := s.facts()
	for i := range facts {
		facts[i].Name, facts[i].Value, facts[i].Source, facts[i].Text = evil, evil, evil, evil
	}
	s.must(pointsman.Ready{Proposal: "INC-7/P1", Generation: 1, Plan: encoded(t, failover(func(p *pointsman.Plan) { p.Title = evil })), Facts: facts})
	v := ViewOf(s.state, s.now)
	blocks := Card(v)
	golden(t, "card_hostile", blocks)
	limits(t, blocks)
	accepts(t, v)
	for _, b := range blocks {
		sec, ok := b.(*slack.SectionBlock)
		if !ok || sec.Text.Type != slack.MarkdownType {
			continue
		}
		for _, bad := range []string{"<!channel", "<https:", "\u202E", "\u200B", "\x07"} {
			if strings.Contains(sec.Text.Text, bad) {
				t.Errorf("%q reached Slack's markup: %s", bad, sec.Text.Text)
			}
		}
	}
}

func TestCardOfAnIncidentWithTooMuchOfEverythingFits(t *testing.T) {
	t.Parallel()
	s := begin(t)
	c := webhook(primaryDown(pointsman.AlertFiring))
	c.Offers = nil
	for i := range 30 {
		c.Offers = append(c.Offers, pointsman.Offer{Runbook: "rb-" + number(i), Title: strings.Repeat("A long title & more ", 20), Target: orders, Params: map[string]string{"n": number(i)}, Priority: i})
	}
	s.must(c)
	plan := failover(func(p *pointsman.Plan) {
		p.Title = strings.Repeat("A long title & more ", 20)
		for i := range 40 {
			p.Steps = append(p.Steps, pointsman.PlanStep{Name: "s", Summary: number(i) + strings.Repeat(" do & undo", 60), Irreversible: i > 3})
		}
	})
	facts := s.facts()
	for i := range 60 {
		facts = append(facts, pointsman.Fact{Name: "fact " + number(i), Value: strings.Repeat("x&", 90), Text: strings.Repeat("why & how ", 50), Source: "pg-2", At: s.now, Result: pointsman.Fail, Kind: pointsman.Warn})
	}
	for i := range 30 {
		s.must(pointsman.Ready{Proposal: "INC-7/P" + number(i+1), Generation: 1, Plan: encoded(t, plan), Facts: facts, Eligible: make([]string, 50)})
	}
	v := ViewOf(s.state, s.now)
	limits(t, Card(v))
	accepts(t, v)
	if shown := textOf(Card(v)); !strings.Contains(shown, "more: `pointsman incidents INC-7` prints them") {
		t.Errorf("what was left out is not counted: %s", shown)
	}
}

func textOf(blocks []slack.Block) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(blocks) // our own types
	return b.String()
}

func TestAQuestionThatIsOverdueHasNoLiveButton(t *testing.T) {
	t.Parallel()
	s := begin(t).ready().after(20 * time.Minute)
	if shown := textOf(Card(ViewOf(s.state, s.now))); strings.Contains(shown, `"action_id":"approve"`) || !strings.Contains(shown, "Expired is not denied") {
		t.Error(shown)
	}
}

func TestAPrivateCopyHasNoButtons(t *testing.T) {
	t.Parallel()
	for _, told := range []func(*tale) *tale{(*tale).ready, (*tale).parked, (*tale).handTask, (*tale).alert} {
		s := told(begin(t))
		v := ViewOf(s.state, s.now)
		v.Quiet = true
		if shown := textOf(Card(v)); strings.Contains(shown, "action_id") {
			t.Error(shown)
		}
	}
}
