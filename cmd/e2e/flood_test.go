package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/pointsman/pointsman"
)

// TestFlood posts 1,000 webhooks, each one to five times, from many senders at once: five different alerts for each of
// 200 groups, so that incidents are opened and joined at the same moment. Nothing is lost and nothing is there twice.
func TestFlood(t *testing.T) {
	t.Parallel()
	const groups, alertsOfEach, senders = 200, 5, 16
	for _, driver := range []string{"sqlite", "postgres"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			s := open(t, setting{driver: driver})
			var posts [][]byte
			for g := range groups {
				for a := range alertsOfEach {
					labels := map[string]string{"alertname": "BackupMissing", "host": fmt.Sprintf("db-%d", g), "job": fmt.Sprintf("backup-%d", a)}
					body := webhook(fmt.Sprintf(`{}:{host="db-%d"}`, g), firing(labels))
					for range 1 + rand.IntN(5) {
						posts = append(posts, body)
					}
				}
			}
			rand.Shuffle(len(posts), func(i, j int) { posts[i], posts[j] = posts[j], posts[i] })
			s.post(senders, posts)

			list, err := s.app.Store().Incidents(t.Context(), false, 10*groups)
			if err != nil {
				t.Fatal(err)
			}
			keys := map[string]bool{}
			for _, inc := range list {
				keys[inc.Key] = true
				if inc.Firing != alertsOfEach {
					t.Errorf("%s has %d alerts, want %d", inc.ID, inc.Firing, alertsOfEach)
				}
			}
			if len(list) != groups || len(keys) != groups {
				t.Errorf("%d incidents with %d keys, want %d: some are lost or there twice", len(list), len(keys), groups)
			}
			fired := map[string]int{}
			events, err := s.app.Store().Events(t.Context(), "", 0, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				if e.Type == pointsman.EvAlertFiring {
					fired[string(e.Data)]++
				}
			}
			for what, n := range fired {
				if n != 1 {
					t.Errorf("told %d times: %s", n, what)
				}
			}
			if len(fired) != groups*alertsOfEach {
				t.Errorf("%d alerts on record, want %d", len(fired), groups*alertsOfEach)
			}
			t.Logf("%d webhooks of %d alerts", len(posts), groups*alertsOfEach)
		})
	}
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
