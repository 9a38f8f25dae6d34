package comms_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/comms"
	"github.com/pointsman/pointsman/comms/commstest"
)

// pager is a way that wakes people, all of them since the test began.
type pager struct {
	*way
	since time.Time
}

func (p pager) Wakes(d pointsman.Delivery) (time.Time, bool) {
	return p.since, strings.Contains(string(d.Payload), "nobody decided")
}

// toldOfPages is what the log says of pages after the first event: "page.undelivered at 31s, loss of a page".
func toldOfPages(t *testing.T, m *commstest.Memory) (out []string) {
	t.Helper()
	log, err := m.Events(t.Context(), "INC-7", 1, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range log {
		line := string(ev.Type) + ": " + ev.Text
		if ev.Type == pointsman.EvDeliveryLost {
			line += fmt.Sprintf(" page=%t", strings.Contains(string(ev.Data), `"page":true`))
		}
		out = append(out, line)
	}
	return out
}

// Whoever is awake and reads that somebody is being woken calls nobody; so within a minute they must read that it is not so,
// once, and that it is, when it is.
func TestWhatBecomesOfAPageIsTold(t *testing.T) {
	t.Parallel()
	down := errors.New("pagerduty answered 500")
	const not, paged = "page.undelivered: NOT PAGED: ", "page.delivered: Paged"
	for name, of := range map[string]struct {
		send    func(ctx context.Context) error // until ten minutes are over
		minute  []string                        // what is told within a minute and an attempt's time
		hour    []string                        // and within an hour
		chatter bool
	}{
		"taken at once": {
			send:   func(context.Context) error { return nil },
			minute: []string{paged + ": pagerduty has taken it (service:dba)"},
			hour:   []string{paged + ": pagerduty has taken it (service:dba)"},
		},
		"refused for ten minutes": {
			send:   func(context.Context) error { return down },
			minute: []string{not + "pagerduty answered 500; it is tried on (service:dba). Call somebody by other means"},
			hour: []string{
				not + "pagerduty answered 500; it is tried on (service:dba). Call somebody by other means",
				paged + " after 10m: pagerduty has taken it (service:dba)",
			},
		},
		"packets vanish": {
			send:   func(ctx context.Context) error { <-ctx.Done(); return errors.New("no answer") },
			minute: []string{not + "no answer; it is tried on (service:dba). Call somebody by other means"},
			hour: []string{
				not + "no answer; it is tried on (service:dba). Call somebody by other means",
				paged + " after 10m: pagerduty has taken it (service:dba)",
			},
		},
		"asked to come back later than that": {
			send:   func(context.Context) error { return comms.RetryAfter(15*time.Minute, down) },
			minute: []string{not + "pagerduty answered 500; it is tried on (service:dba). Call somebody by other means"},
			hour: []string{
				not + "pagerduty answered 500; it is tried on (service:dba). Call somebody by other means",
				paged + " after 15m: pagerduty has taken it (service:dba)",
			},
		},
		"refused for good": {
			send: func(context.Context) error { return comms.Permanent(down) },
			minute: []string{
				"delivery.lost: NOT PAGED through pagerduty to service:dba, given up after 1 attempt: pagerduty answered 500. It was: service:dba nobody decided page=true",
			},
			hour: []string{
				"delivery.lost: NOT PAGED through pagerduty to service:dba, given up after 1 attempt: pagerduty answered 500. It was: service:dba nobody decided page=true",
			},
		},
		"and what wakes nobody is not told of": {send: func(context.Context) error { return down }, chatter: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, cured := commstest.NewMemory(), time.Now().Add(10*time.Minute)
				p := pager{since: time.Now(), way: &way{name: "pagerduty", class: pointsman.Urgent, about: "service:"}}
				p.send = func(ctx context.Context, _ pointsman.Delivery) error {
					if time.Now().Before(cured) {
						return of.send(ctx)
					}
					return nil
				}
				text := "service:dba nobody decided"
				if of.chatter {
					text = "service:dba is resolved"
				}
				say(t, m, text)
				defer run(t, m, comms.Dispatcher{Ways: []comms.Way{p}})()
				time.Sleep(pointsman.PageWithin + 10*time.Second)
				synctest.Wait()
				if d := cmp.Diff(of.minute, toldOfPages(t, m)); d != "" {
					t.Errorf("within a minute: %s", d)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				got := toldOfPages(t, m)
				for i := range got { // spread: 10m 14s
					for _, at := range []string{"10m", "15m"} {
						if before, after, ok := strings.Cut(got[i], at+" "); ok {
							_, after, _ = strings.Cut(after, ":")
							got[i] = before + at + ":" + after
						}
					}
				}
				if d := cmp.Diff(of.hour, got); d != "" {
					t.Errorf("within an hour: %s", d)
				}
			})
		})
	}
}

// The process that told it dies, and the next one knows by the row that it was told.
func TestThatAPageIsLateIsToldOnceWhoeverTriesIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := commstest.NewMemory()
		p := pager{since: time.Now(), way: &way{name: "pagerduty", class: pointsman.Urgent, send: func(context.Context, pointsman.Delivery) error {
			return errors.New("down")
		}}}
		say(t, m, "service:dba nobody decided")
		for range 5 {
			stop := run(t, m, comms.Dispatcher{Ways: []comms.Way{p}})
			time.Sleep(45 * time.Second)
			stop()
		}
		if got := toldOfPages(t, m); len(got) != 1 {
			t.Errorf("told %q, want it once", got)
		}
	})
}
