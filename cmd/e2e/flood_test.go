package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
)

// enoughMemory is what the program may have needed at most, in kB. It needs about half of it.
const enoughMemory = 300 << 10

// missing is an alert that no target is selected by.
func missing(group, n int) alert {
	return firing(map[string]string{"alertname": "BackupMissing", "host": fmt.Sprintf("db-%d", group), "job": fmt.Sprintf("backup-%d", n)})
}

// TestFlood posts 10,000 alerts, each one to five times, from many senders at once: a hundred different alerts for each of
// 100 groups, in webhooks of twenty, so that incidents are opened and joined at the same moment. Nothing is lost, nothing is
// there twice, and Slack is spared.
func TestFlood(t *testing.T) {
	t.Parallel()
	const webhooksOfEach, alertsOfEach, senders = 5, 20, 16
	groups := soak(100, 3000)
	for _, driver := range []string{"sqlite", "postgres"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			s := open(t, setting{driver: driver, process: true})
			var posts [][]byte
			for g := range groups {
				for w := range webhooksOfEach {
					var alerts []alert
					for a := range alertsOfEach {
						alerts = append(alerts, missing(g, w*alertsOfEach+a))
					}
					body := webhook(fmt.Sprintf(`{}:{host="db-%d"}`, g), alerts...)
					for range 1 + rand.IntN(5) {
						posts = append(posts, body)
					}
				}
			}
			rand.Shuffle(len(posts), func(i, j int) { posts[i], posts[j] = posts[j], posts[i] })
			began := time.Now()
			s.post(senders, posts)
			t.Logf("%d webhooks of %d alerts stored in %s; memory at most %d MB", len(posts), groups*webhooksOfEach*alertsOfEach, time.Since(began).Round(time.Millisecond), s.memory()>>10)
			s.holds(groups, webhooksOfEach*alertsOfEach)
		})
	}
}

// TestOneWebhookOfTenThousandAlerts posts them at once, and then all of them again.
func TestOneWebhookOfTenThousandAlerts(t *testing.T) {
	t.Parallel()
	const all = 10_000
	for _, driver := range []string{"sqlite", "postgres"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			s := open(t, setting{driver: driver, process: true})
			var alerts []alert
			for n := range all {
				alerts = append(alerts, missing(0, n))
			}
			body := webhook(`{}:{host="db-0"}`, alerts...)
			for _, which := range []string{"first", "second"} {
				began := time.Now()
				s.post(1, [][]byte{body})
				t.Logf("the %s time: %d kB stored in %s; memory at most %d MB", which, len(body)>>10, time.Since(began).Round(time.Millisecond), s.memory()>>10)
			}
			s.holds(1, all)
		})
	}
}

// holds holds what is stored and said against the flood.
func (s *stage) holds(groups, alertsOfEach int) {
	s.t.Helper()
	keys, fired := map[string]bool{}, 0
	for i := range groups {
		inc := s.now(fmt.Sprintf("INC-%d", i+1)).Incident
		keys[inc.Key] = true
		told := s.events(inc.ID, pointsman.EvAlertFiring)
		if fired += len(told); inc.Firing != alertsOfEach || len(told) != alertsOfEach {
			s.t.Errorf("%s has %d alerts and tells of %d, want %d", inc.ID, inc.Firing, len(told), alertsOfEach)
		}
	}
	if len(keys) != groups || fired != groups*alertsOfEach {
		s.t.Errorf("%d keys, %d alerts on record, want %d and %d", len(keys), fired, groups, groups*alertsOfEach)
	}
	if status, _ := s.call("ana", http.MethodGet, fmt.Sprintf("/api/v1/incidents/INC-%d", groups+1), nil); status != http.StatusNotFound {
		s.t.Errorf("there are more than %d incidents", groups)
	}
	if kb := s.memory(); kb > enoughMemory {
		s.t.Errorf("the program needed %d MB, limit %d MB", kb>>10, enoughMemory>>10)
	}
	s.room.WaitMessage("INC-")
	s.spared()
	s.wholeLogIsIntact()
}

// spared: one card for each incident, and after the first few a message a second, not one for each alert.
func (s *stage) spared() {
	s.t.Helper()
	const atOnce = 20 // the pace begins with a short burst, and on a busy machine late messages arrive together
	var at []float64
	cards := map[string]int{}
	var count func(all []fakeslack.Message)
	count = func(all []fakeslack.Message) {
		for _, m := range all {
			ts, err := strconv.ParseFloat(m.TS, 64)
			if err != nil {
				s.t.Fatal(err)
			}
			at = append(at, ts)
			if meta(m, "kind") == "card" {
				cards[meta(m, "incident")]++
			}
			if m.ThreadTS == "" {
				count(m.Thread())
			}
		}
	}
	count(s.slack.Channel(channel).Messages())
	for incident, n := range cards {
		if n != 1 {
			s.t.Errorf("%s has %d cards", incident, n)
		}
	}
	slices.Sort(at)
	for i := range at {
		if n := i + 1; float64(n) > at[i]-at[0]+atOnce {
			s.t.Errorf("%d messages within %.1f s, limit one a second; seconds since the first one: %.1f", n, at[i]-at[0], since(at))
			return
		}
	}
}

func since(at []float64) (out []float64) {
	for _, t := range at {
		out = append(out, t-at[0])
	}
	return out
}

// memory is what the program has needed at most, in kB.
func (s *stage) memory() int {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	fields := strings.Fields(after)
	if len(fields) == 0 {
		s.t.Fatalf("no VmHWM in %s", text)
	}
	n, err := strconv.Atoi(fields[0])
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// post sends everything. What is not taken is sent again, as Alertmanager does.
func (s *stage) post(senders int, posts [][]byte) {
	s.t.Helper()
	var g errgroup.Group
	g.SetLimit(senders)
	for _, body := range posts {
		g.Go(func() error {
			for {
				status, out, err := s.send(http.MethodPost, webhookPath, webhookToken, bytes.NewReader(body))
				switch {
				case err != nil:
					return err
				case status == http.StatusOK:
					return nil
				case status != http.StatusServiceUnavailable:
					return fmt.Errorf("webhook answered %d %s", status, out)
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		s.t.Fatal(err)
	}
}
