// Package storetest holds the one suite of stories that a store must keep on every database. It is linked into tests
// only; the tests of package store run it on a SQLite file and on a PostgreSQL server.
package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/store"
	"github.com/pointsman/pointsman/store/audit"
)

// Run runs every story, each on a database of its own, whose configuration fresh returns.
func Run(t *testing.T, fresh func(testing.TB) store.Config) {
	stories := []struct {
		name string
		tell func(*testing.T, *story)
	}{
		{"webhooks that race open one incident each and lose no alert", webhooks},
		{"two first webhooks of one outage open one incident", firstWebhooks},
		{"a refused stranger uses up no number", strangers},
		{"ten thousand alerts of one incident stay ten thousand rows", manyAlerts},
		{"a webhook of very many incidents opens each once, whoever else brings it", manyIncidents},
		{"an incident of a newer version keeps nobody else's alerts out", othersOfNewer},
		{"an incident takes back its key for thirty minutes", reopening},
		{"votes that race queue one run", votes},
		{"one run per target, and the second approval is told so", oneRunPerTarget},
		{"a person's lock and a run exclude each other", locksAndRuns},
		{"no intent lies behind a freeze in the log", freezeAndSteps},
		{"fencing tokens rise, and an older holder is refused", tokens},
		{"a request with a name acts once and gets its first answer again", onceOnly},
		{"a request with a name acts once across restarts", onceAcrossRestarts},
		{"no time is hashed finer than it is stored", exactTimes},
		{"a checkpoint covers what is committed and nothing else", signedWhenStored},
		{"what does not exist is not found", notFound},
		{"a write of a former owner changes nothing", fencing},
		{"two claimers get one run each", claimers},
		{"a queued run is leased to the worker of the process at once", employed},
		{"a waiting run is claimed when its time has come", waiting},
		{"a word on a run that a worker has just claimed", wordsOnWaiting},
		{"a released run is free at once, a parked one for nobody", releasing},
		{"the clock finds what is due", due},
		{"what waits for people is found while its incident is open", undecided},
		{"what takes the place of a delivery inherits its attempts", inherited},
		{"what is urgent is leased by the follower itself", atOnceTaken},
		{"a follower at the log's end has its deliveries with the event", withTheEvent},
		{"the card of a new incident waits for no look", withTheOpening},
		{"deliveries of few events go with them, those of many follow", withManyEvents},
		{"what was rolled back is told to nobody", withAFailedWrite},
		{"each event is planned once, whoever is first", attendedRace},
		{"deliveries of a lane keep their order", lanes},
		{"a newer edit makes an unsent one pointless", superseding},
		{"urgent goes before normal", urgency},
		{"a way that is full holds up no other", crowded},
		{"an unsettled delivery is claimed again", unsettled},
		{"a way that is switched on again does not say what is long over", switchedOn},
		{"a delivery at work stays with its attempt", prolonged},
		{"the last ref of a destination is remembered", refs},
		{"an outcome and what the log is told of it are stored together", toldWithOutcome},
		{"how far the newest page has come", pagings},
		{"a page that the pager was never given", neverPlanned},
		{"an attempt that did not get through makes room for the newer edit", overtaken},
		{"a page whose sender died is not sent for what is over", died},
		{"what nobody has heard is told from what was taken and given up", unheard},
		{"what has served is deleted, and nothing else", pruned},
		{"of how long steps took the newest stay", prunedTimes},
		{"a cursor never skips an event", cursors},
		{"the chain holds after concurrent commits", chain},
		{"the log only grows", growing},
		{"without its audit record nothing is stored", noAuditNoChange},
		{"an export of one incident verifies", exports},
		{"a touched log is not opened", touched},
		{"an entry cannot be hidden from its incident", hidden},
		{"an entry that is too large does not stop the exports", oversized},
		{"a restart keeps everything", restart},
		{"a wall clock that is set neither shortens nor prolongs an approval", clockSet},
		{"time does not run back over a restart", clockRestart},
		{"many watches that see the same give one alarm", reports},
		{"an alarm holds the target's run of whatever incident", alarms},
		{"no intent lies behind an alarm in the log", alarmAndSteps},
		{"after a loss of the log's end no name and no token is given out again", lost},
		{"how long steps took is known by step and target", history},
		{"a newer schema is refused", newerSchema},
		{"what a newer version wrote is shown and left alone", newerDocuments},
		{"a plan that a newer version made is shown and decided on by nobody else", newerPlans},
		{"a run with a kind that is not known is left to a newer version", newerKinds},
		{"what is to be checked is read in parts, in order", checkedInPages},
		{"a name belongs to the request that it was first given to", names},
		{"waiting loops wake up at a commit", waking},
		{"texts from outside that a database would refuse are stored", hostile},
	}
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.tell(t, begin(t, fresh(t)))
		})
	}
}

// story is a store under test, with the helpers that tell a story in few lines.
type story struct {
	*store.Store
	tb  testing.TB
	cfg store.Config
	now *clock
	key audit.Key // signs checkpoints and exports
}

// clock is a time that the story moves. With a step it also passes by itself at each look of the store.
type clock struct {
	mu   sync.Mutex
	at   time.Time
	step time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// tick is the store's own look at the clock.
func (c *clock) tick() time.Time {
	c.pass(c.step)
	return c.now()
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func begin(tb testing.TB, cfg store.Config) *story {
	tb.Helper()
	c := &clock{at: time.Date(2026, 11, 21, 3, 0, 0, 123456000, time.UTC)}
	cfg.Now = c.tick
	secret, _, err := audit.NewKey("storetest.example")
	if err != nil {
		tb.Fatal(err)
	}
	s := &story{tb: tb, cfg: cfg, now: c, key: must(audit.ParseKey(secret))(tb)}
	s.open()
	return s
}

func (s *story) open() {
	s.tb.Helper()
	db, err := store.Open(s.tb.Context(), s.cfg, slog.New(slog.NewTextHandler(s.tb.Output(), nil)))
	if err != nil {
		s.tb.Fatal(err)
	}
	s.tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			s.tb.Error(err)
		}
	})
	s.Store = db
}

// do gives a command that must be decided.
func (s *story) do(cmd pointsman.Command) pointsman.Result {
	s.tb.Helper()
	res, err := s.Do(context.Background(), cmd)
	if err != nil {
		s.tb.Fatalf("%T: %v", cmd, err)
	}
	return res
}

func (s *story) state(incident string) pointsman.State {
	s.tb.Helper()
	return must(s.State(s.tb.Context(), incident))(s.tb)
}

func (s *story) events(incident string) []pointsman.Logged {
	s.tb.Helper()
	return must(s.Events(s.tb.Context(), incident, 0, 100_000))(s.tb)
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

func person(id string, roles ...string) pointsman.Actor {
	return pointsman.Actor{Person: pointsman.Person{ID: id, Name: id, Roles: roles}, Door: pointsman.DoorCLI}
}

var (
	ana = person("ana", "dba")
	ben = person("ben", "dba")
)

func target(name string) pointsman.Target { return pointsman.Target{Kind: "postgres", Name: name} }

func (s *story) alert(fingerprint string) pointsman.Alert {
	return pointsman.Alert{
		Fingerprint: fingerprint, StartsAt: s.now.now(), Status: pointsman.AlertFiring,
		Labels: map[string]string{"alertname": "PrimaryDown", "cluster": "orders"},
	}
}

// webhook is an outage of the target, with the runbook that fits.
func (s *story) webhook(name string, alerts ...pointsman.Alert) pointsman.ReceiveAlerts {
	offer := pointsman.Offer{Runbook: "failover", Title: "Failover of " + name, Target: target(name), Params: map[string]string{"cluster": name}}
	return pointsman.ReceiveAlerts{
		Key: "target:postgres/" + name, Title: name + " is down", Severity: "critical", Target: target(name),
		Alerts: alerts, Offers: []pointsman.Offer{offer}, Update: 10 * time.Minute,
	}
}

// plan is what the planner would answer for a proposal.
func plan(p pointsman.Proposal, lock bool, steps int, require ...pointsman.Requirement) []byte {
	pl := pointsman.Plan{
		Version: 1, Runbook: p.Runbook, Title: p.Title, Target: p.Target, Lock: lock,
		Policy: pointsman.Policy{Require: require, Expires: 15 * time.Minute},
	}
	for i := range steps {
		pl.Steps = append(pl.Steps, pointsman.PlanStep{
			Name: fmt.Sprintf("step-%d", i+1), Kind: "test.nothing", With: json.RawMessage(`{}`), Timeout: time.Second, Summary: "do nothing",
		})
	}
	b, err := pl.Encode()
	if err != nil {
		panic(err)
	}
	return b
}

// ready brings an outage of the target to a proposal that n people of role dba must approve.
func (s *story) ready(name string, n int) pointsman.Proposal {
	s.tb.Helper()
	res := s.do(s.webhook(name, s.alert("fp-"+name)))
	p := res.State.Proposals[len(res.State.Proposals)-1]
	res = s.do(pointsman.Ready{
		Proposal: p.ID, Generation: p.Generation, Plan: plan(p, true, 2, pointsman.Requirement{Count: n, Role: "dba"}),
		Facts: []pointsman.Fact{{Name: "replica lag", Value: "3 MB", Limit: "< 16 MB", Result: pointsman.Pass, At: s.now.now()}},
	})
	p, ok := res.State.Proposal(p.ID)
	if !ok || p.State != pointsman.ProposalReady {
		s.tb.Fatalf("%s is %s: %s", p.ID, p.State, res.Answer.Text)
	}
	return p
}

func vote(p pointsman.Proposal, by pointsman.Actor) pointsman.CastVote {
	return pointsman.CastVote{Proposal: p.ID, Digest: p.Digest, Verdict: pointsman.Approve, By: by}
}

// queued brings an outage of the target to an approved run.
func (s *story) queued(name string) pointsman.Run {
	s.tb.Helper()
	res := s.do(vote(s.ready(name, 1), ana))
	r, ok := res.State.OpenRun()
	if !ok {
		s.tb.Fatalf("no run of %s: %s", name, res.Answer.Text)
	}
	return r
}

// atOnce calls fn n times at the same time and waits for all.
func atOnce(n int, fn func(i int)) {
	var start, end sync.WaitGroup
	start.Add(1)
	for i := range n {
		end.Go(func() {
			start.Wait()
			fn(i)
		})
	}
	start.Done()
	end.Wait()
}
