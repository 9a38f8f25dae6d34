package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// TestAWebhookThatWaitedIsNoNews lets a replica stand still with a webhook at its door, which another one takes when it is sent
// again, and then its end. What the first one finds there when it wakes up is old: the incident is over and stays so.
func TestAWebhookThatWaitedIsNoNews(t *testing.T) {
	t.Parallel()
	c := openCrew(t, 2, "{lease: 6s, heartbeat: 2s, sweep: 1s, check_timeout: 3s}")
	lives, stands := c.all[0], c.all[1]
	for _, r := range c.all {
		r.begin()
	}
	for _, r := range c.all {
		r.ready()
	}
	if err := stands.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	stands.stands()
	labels := map[string]string{"alertname": "Crash", "service": lane(1), "outage": "waited", "severity": "critical"}
	if err := stands.receives(firing(labels), time.Second); err == nil {
		t.Fatal("a replica that stands still has answered")
	}
	for _, a := range []alert{firing(labels), over(labels)} {
		if err := lives.receives(a, patience); err != nil {
			t.Fatal(err)
		}
	}
	c.at = func() string { return lives.base }
	c.stays("when it had ended")

	<-time.After(aPause / 2) // longer than a report that comes after the end of its alert may be on its way beside it
	stands.wakes()
	next := map[string]string{"alertname": "Crash", "service": lane(2), "outage": "next", "severity": "critical"}
	c.await("who stood still takes what is new", func() error { return stands.receives(firing(next), patience) })
	c.stays("when an old webhook had been read")
}

// stays holds the first incident to its end.
func (c *crew) stays(when string) {
	c.t.Helper()
	st, err := c.look(c.t.Context(), "INC-1")
	if err != nil {
		c.t.Fatal(err)
	}
	if st.Incident.State != pointsman.IncidentResolved || len(st.Alerts) != 1 || st.Alerts[0].Status != pointsman.AlertResolved {
		c.t.Errorf("%s, INC-1 is %s, its alerts %v", when, brief(st), st.Alerts)
	}
}

// receives sends a webhook to this replica and no other.
func (r *replica) receives(a alert, within time.Duration) error {
	ctx, cancel := context.WithTimeout(r.crew.t.Context(), within)
	defer cancel()
	body := webhook(fmt.Sprintf("{}:{%v}", a["labels"]), a)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base+webhookPath, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+webhookToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return errors.Join(err, resp.Body.Close())
}
