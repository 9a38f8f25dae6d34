package app_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
	"github.com/pointsman/pointsman/cmd/app"
	"github.com/pointsman/pointsman/cmd/lab"
	"github.com/pointsman/pointsman/configs"
)

const benchConfig = `
web: {listen: 127.0.0.1:%[1]d, socket: ""}
storage: {%[2]s}
audit: {key_file: %[3]s/audit.key}
alertmanager: {tokens: [token-of-the-benchmark]}
slack: {enabled: true, mode: http, bot_token: %[4]s, signing_secret: %[5]s, team: %[6]s, channel: C0INC, posts_per_second: %[9]d, api_url: %[7]s/api/, response_hosts: ["%[7]s"]}
people:
%[8]sroute: {incident_by: [id], update_every: 1h}
`

// unpaced is more posts a second than anybody asks for.
const unpaced = 1000

// crowd is how many people take turns: one person's clicks are limited to a few a minute.
const crowd = 300

func user(i int) string { return fmt.Sprintf("U0P%05d", i%crowd) }

// bench is the program with a Slack beside it.
type bench struct {
	b     *testing.B
	base  string
	slack *fakeslack.Slack
	app   *app.App
	close func()
}

// open starts the program, which posts so often a second, until the benchmark ends or close is called.
func open(b *testing.B, storage string, posts int) *bench {
	b.Helper()
	dir := b.TempDir()
	if storage == "" {
		storage = "driver: sqlite, path: " + filepath.Join(dir, "pointsman.db")
	}
	port, err := lab.FreePort()
	if err != nil {
		b.Fatal(err)
	}
	s := &bench{b: b, base: fmt.Sprintf("http://127.0.0.1:%d", port)}
	var users []fakeslack.User
	for i := range crowd {
		users = append(users, fakeslack.User{ID: user(i), Name: fmt.Sprintf("p%d", i)})
	}
	s.slack = fakeslack.New(fakeslack.Config{
		CommandURL: s.base + "/slack/commands", InteractivityURL: s.base + "/slack/interactions", Users: users,
	})
	server := httptest.NewServer(s.slack)
	b.Cleanup(func() { s.slack.Close(); server.Close() })
	s.slack.SetBaseURL(server.URL)
	set := s.slack.Config()
	var people strings.Builder
	for i := range crowd {
		fmt.Fprintf(&people, "  - {id: p%d, slack: %s/%s, roles: [dba, oncall]}\n", i, set.TeamID, user(i))
	}
	file := filepath.Join(dir, "pointsman.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, benchConfig, port, storage, dir, set.BotToken, set.SigningSecret, set.TeamID, server.URL, people.String(), posts), 0o600); err != nil {
		b.Fatal(err)
	}
	cfg, _, err := configs.Load(file, nil)
	if err != nil {
		b.Fatal(err)
	}
	if s.app, err = app.New(b.Context(), cfg, app.Options{Version: "bench"}); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.app.Run(ctx) }()
	s.close = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	b.Cleanup(s.close)
	return s
}

// alarm posts one webhook of an outage of its own.
func (s *bench) alarm(n int) {
	s.b.Helper()
	body := fmt.Appendf(nil, `{"version":"4","groupKey":"g%[1]d","receiver":"r","status":"firing","alerts":[{"status":"firing","fingerprint":"f%[1]d",
		"startsAt":%[2]q,"labels":{"alertname":"BackupMissing","id":"%[1]d","severity":"critical"},"annotations":{"summary":"no backup since yesterday"}}]}`, n, time.Now().Format(time.RFC3339Nano))
	s.post(body)
}

// post sends a webhook and waits until it is acknowledged.
func (s *bench) post(body []byte) {
	s.b.Helper()
	req, err := http.NewRequestWithContext(s.b.Context(), http.MethodPost, s.base+"/api/v1/alertmanager", bytes.NewReader(body))
	if err != nil {
		s.b.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer token-of-the-benchmark")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.b.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		s.b.Fatal(resp.Status)
	}
}

// calm waits until Slack has heard everything about the outage before, so that each is measured by itself. The pace of
// one post a second is switched off: what is measured is our part of the way.
func (s *bench) calm() {
	s.b.Helper()
	for heard, still := -1, 0; still < 4; {
		select {
		case <-s.b.Context().Done():
			s.b.Fatal("slack is never told everything")
		case <-time.After(50 * time.Millisecond):
		}
		n := s.slack.Heard("chat.postMessage") + s.slack.Heard("chat.update")
		if still++; n != heard {
			heard, still = n, 0
		}
	}
	runtime.GC() // most of the garbage is that of this Slack, which shows its whole channel again and again
}

// BenchmarkOutage measures, for each of b.N outages and on both stores, the time from the webhook to the card's arrival
// at Slack and from the click on Approve, as it leaves Slack, to the first step's intent; and beside them how long Alertmanager's own Slack
// receiver takes from the alert to Slack. Run it with -benchtime 400x: of fewer, p99 is the first ones of a new process.
func BenchmarkOutage(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { outages(b, open(b, "", unpaced)) })
	b.Run("postgres", func(b *testing.B) {
		server := lab.NewPostgres(b, lab.PostgresOptions{})
		outages(b, open(b, "driver: postgres, dsn: \""+server.SuperuserDSN()+"\"", unpaced))
	})
	b.Run("alertmanager-slack-receiver", receiver)
	b.Run("disk", disk)
}

// disk measures what one commit waits for where nobody computes anything: a page that is appended and synced, on a disk that
// was as idle before as it is between two outages. Of a card's time one such wait is the disk's, of a click's to the first
// step two.
func disk(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "pages"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	var took []time.Duration
	for range b.N {
		select {
		case <-b.Context().Done():
			b.Fatal("the time is over")
		case <-time.After(250 * time.Millisecond):
		}
		began := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	quantiles(b, "sync", took)
	b.ReportMetric(0, "ns/op")
}

func outages(b *testing.B, s *bench) {
	b.Helper()
	ctx := b.Context()
	room := s.slack.Channel("C0INC")
	var cards, steps []time.Duration
	for i := range b.N {
		s.calm()
		posted := s.slack.Heard("chat.postMessage")
		sent := time.Now()
		s.alarm(i)
		calls, err := s.slack.WaitCalls(ctx, "chat.postMessage", posted+1)
		if err != nil {
			b.Fatal(err)
		}
		cards = append(cards, calls[posted].At.Sub(sent))
		id := fmt.Sprintf("INC-%d", i+1)
		card, err := room.WaitMessage(ctx, id+"/P1", "Approve")
		if err != nil {
			b.Fatal(err)
		}
		s.calm() // nobody clicks in the millisecond in which the buttons appear
		click, err := card.Click(ctx, user(i), "Approve")
		if err != nil {
			b.Fatal(err)
		}
		steps = append(steps, s.begun(id).Sub(click.Sent)) // what Slack does before is Slack's own time
	}
	quantiles(b, "card", cards)
	quantiles(b, "step", steps)
	b.ReportMetric(0, "ns/op")
}

// begun is when the first step's intent was committed, as the log says. It is read when it has long been written: a reader
// of every change would compete with what is measured.
func (s *bench) begun(id string) time.Time {
	s.b.Helper()
	s.calm()
	for {
		changed := s.app.Store().Changed()
		events, err := s.app.Store().Events(s.b.Context(), id, 0, 100)
		if err != nil {
			s.b.Fatal(err)
		}
		for _, ev := range events {
			if ev.Type == pointsman.EvStepStarted {
				return ev.At
			}
		}
		select {
		case <-changed:
		case <-s.b.Context().Done():
			s.b.Fatal("no step began")
		}
	}
}

// receiver measures Alertmanager's own way to Slack.
func receiver(b *testing.B) {
	arrived := make(chan time.Time, 16)
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- time.Now()
		_, _ = w.Write([]byte("ok"))
	}))
	b.Cleanup(sink.Close)
	am, err := lab.StartAlertmanager(b.Context(), lab.AlertmanagerOptions{WebhookURL: sink.URL + "/unused", SlackAPIURL: sink.URL, GroupBy: []string{"id"}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = am.Close() })
	var took []time.Duration
	for i := range b.N {
		sent := time.Now()
		if err := am.Fire(b.Context(), map[string]string{"alertname": "BackupMissing", "id": fmt.Sprint(i)}, nil); err != nil {
			b.Fatal(err)
		}
		took = append(took, (<-arrived).Sub(sent))
		<-arrived // the webhook beside it
	}
	quantiles(b, "card", took)
	b.ReportMetric(0, "ns/op")
}

// quantiles reports p50 and p99 by nearest rank: the smallest value that so many percent do not exceed.
func quantiles(b *testing.B, what string, in []time.Duration) {
	b.Helper()
	slices.Sort(in)
	for _, p := range []int{50, 99} {
		rank := (len(in)*p + 99) / 100
		b.ReportMetric(float64(in[rank-1].Microseconds())/1000, fmt.Sprintf("ms-%s-p%d", what, p))
	}
}
