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

// TestFlood posts 1,000 webhooks, each one to five times, from many senders at once: ten different alerts for each of
// 100 groups, so that incidents are opened and joined at the same moment. Nothing is lost and nothing is there twice.
func TestFlood(t *testing.T) {
	t.Parallel()
	const alertsOfEach, senders = 10, 16
	groups := soak(100, 1000)
	for _, driver := range []string{"sqlite", "postgres"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			s := open(t, setting{driver: driver, process: true})
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

			list := s.incidents()
			if len(list) != groups {
				t.Errorf("%d incidents, want %d: some are lost or there twice", len(list), groups)
			}
			keys, fired := map[string]bool{}, 0
			for _, inc := range list {
				keys[inc.Key] = true
				told := s.events(inc.ID, pointsman.EvAlertFiring)
				if fired += len(told); inc.Firing != alertsOfEach || len(told) != alertsOfEach {
					t.Errorf("%s has %d alerts and tells of %d, want %d", inc.ID, inc.Firing, len(told), alertsOfEach)
				}
			}
			if len(keys) != groups || fired != groups*alertsOfEach {
				t.Errorf("%d keys, %d alerts on record, want %d and %d", len(keys), fired, groups, groups*alertsOfEach)
			}
			s.wholeLogIsIntact()
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
