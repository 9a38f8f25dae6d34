package bot

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
)

type phoneBook map[string]pointsman.Person

func (p phoneBook) BySlack(team, user string) (pointsman.Person, bool) {
	who, ok := p[team+"/"+user]
	return who, ok
}

type desk struct{}

func (desk) Runbooks() []pointsman.Runbook {
	return []pointsman.Runbook{
		{Name: "postgres-switchover", Title: "PostgreSQL switchover", Owner: "dba", Target: "cluster", Review: night.AddDate(1, 0, 0)},
		{Name: "backup-missing", Title: "Backup missing", Owner: "dba", Review: night.AddDate(-1, 0, 0)},
	}
}

func (desk) Offer(name string, args []string) (pointsman.Offer, error) {
	if name != "postgres-switchover" || len(args) != 1 || args[0] != "orders" {
		return pointsman.Offer{}, errors.New("there is no runbook \"" + name + "\" for " + strings.Join(args, " "))
	}
	return webhook().Offers[1], nil
}

type switchboard struct {
	mu   sync.Mutex
	did  []string
	slow chan struct{}  // if set, Engage waits for it
	code pointsman.Code // of Engage's answer; accepted where it is empty
}

func (s *switchboard) Status(context.Context) ([]Switch, error) {
	return []Switch{{Name: "trading", Engaged: true, Reason: "prices are wrong", Text: "engaged by Ana Ruiz"}, {Name: "payouts", Stale: true}}, nil
}

func (s *switchboard) Engage(_ context.Context, name, reason string, by pointsman.Actor, _ string) (pointsman.Answer, error) {
	if s.slow != nil {
		<-s.slow
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.did = append(s.did, "engage "+name+": "+reason+" by "+by.String())
	return pointsman.Answer{Code: cmp.Or(s.code, pointsman.CodeAccepted), Text: name + " is engaged and was read back as engaged"}, nil
}

func (s *switchboard) Release(_ context.Context, name, _ string, _ pointsman.Actor, _ string) (pointsman.Answer, error) {
	return pointsman.Answer{Code: pointsman.CodeNotAllowed, Text: name + " cannot be released now"}, nil
}

// world is a workspace, the bot and a store.
type world struct {
	*ledger
	t        *testing.T
	bot      *Bot
	slack    *fakeslack.Slack
	story    fakeslack.Story
	room     fakeslack.Place
	switches *switchboard
}

func newWorld(t *testing.T, edit ...func(*fakeslack.Config)) *world {
	t.Helper()
	cfg := fakeslack.Config{
		Channels: []fakeslack.ChannelConfig{{ID: "C0INC", Name: "incidents"}},
		Users: []fakeslack.User{
			{ID: "U0ANA", Name: "ana", Real: "Ana Ruiz"},
			{ID: "U0BEN", Name: "ben", Real: "Ben Okafor"},
			{ID: "U0EVE", Name: "eve", Real: "Eve Lind"},
			{ID: "U0MAL", Name: "mal", Real: "Mal Ory"},
		},
		BaseURL: "http://slack.example",
	}
	for _, e := range edit {
		e(&cfg)
	}
	w := &world{t: t, switches: &switchboard{}, ledger: &ledger{now: time.Now().UTC(), seen: map[string]pointsman.Answer{}, refs: map[string]string{}}}
	w.state = pointsman.State{Incident: pointsman.Incident{ID: "INC-7"}}
	w.slack = fakeslack.New(cfg)
	t.Cleanup(w.slack.Close)
	w.bot = w.newBot(ModeHTTP, "http://slack.example", fakeslack.Transport(w.slack))
	w.plan = w.bot.Sender.Plan
	e := echo.New()
	w.bot.Handler.Register(e)
	app := httptest.NewServer(e)
	t.Cleanup(app.Close)
	w.slack.SetRequestURLs(app.URL+CommandsPath, app.URL+InteractionsPath)
	w.story = w.slack.Story(t).Patient(time.Minute)
	w.room = w.story.Channel("C0INC")
	return w
}

func (w *world) newBot(mode, base string, via http.RoundTripper) *Bot {
	w.t.Helper()
	cfg := w.slack.Config()
	b, err := New(Config{
		Enabled: true, BotToken: Secret(cfg.BotToken), AppToken: Secret(cfg.AppToken), SigningSecret: Secret(cfg.SigningSecret), Team: cfg.TeamID,
		Channel: "C0INC", Mode: mode, APIURL: base + "/api", ResponseHosts: []string{base},
	}, Deps{
		Store: w, Read: w, Notes: w, Desk: desk{}, Switches: w.switches, Holds: w, Transport: via, Log: slog.New(slog.NewTextHandler(w.t.Output(), nil)),
		People: phoneBook{"T0POINTS/U0ANA": ana, "T0POINTS/U0BEN": ben, "T0POINTS/U0EVE": eve},
		Crew:   staff,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// Do says with each decision who is configured, as the store does that the program gives the bot.
func (w *world) Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	crew := map[string]pointsman.Person{ana.ID: ana, ben.ID: ben, eve.ID: eve}
	switch c := cmd.(type) {
	case pointsman.CastVote:
		c.People = crew
		cmd = c
	case pointsman.Steer:
		c.People = crew
		cmd = c
	}
	return w.ledger.Do(ctx, cmd)
}

// tell carries commands out through the ledger.
func (w *world) tell(cmds ...pointsman.Command) {
	w.t.Helper()
	for _, c := range cmds {
		if res, err := w.Do(w.t.Context(), c); err != nil || !res.Answer.OK() {
			w.t.Fatalf("%T: %s, %v", c, res.Answer.Text, err)
		}
	}
}

// asked brings the card to the point at which it waits for n votes.
func (w *world) asked(n int) fakeslack.Card {
	w.t.Helper()
	s := &tale{t: w.t, now: w.now}
	w.tell(webhook(primaryDown(pointsman.AlertFiring)), pointsman.Ready{
		Proposal: "INC-7/P1", Generation: 1, Plan: encoded(w.t, failover(needs(n))), Facts: s.facts(), Eligible: []string{"Ana Ruiz", "Ben Okafor"},
	})
	w.flush()
	return w.room.WaitMessage("PrimaryDown", "Approvals")
}

func (w *world) vote() (out pointsman.ProposalState, votes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state.Proposals[0].State, len(w.state.Proposals[0].Votes)
}

// flush sends what is queued as the dispatcher does: in order within a lane, newest edits only, again after an error.
// It returns what was given up.
func (w *world) flush() (parked []string) {
	w.t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		d := w.head()
		if d == nil {
			return parked
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("delivery %s of %s not made: %s", d.Destination, d.EventID, d.Problem)
		}
		d.Attempts++
		ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Second)
		ref, err := w.bot.Sender.Send(ctx, *d)
		cancel()
		var never interface{ Permanent() bool }
		var later interface{ RetryAfter() time.Duration }
		switch {
		case err == nil:
			w.mu.Lock()
			w.refs[d.Incident+" "+d.Destination] = ref
			w.mu.Unlock()
			w.remove(d)
		case errors.As(err, &never):
			parked = append(parked, err.Error())
			w.remove(d)
		case errors.As(err, &later):
			d.Problem = err.Error()
			pause(w.t, later.RetryAfter())
		default:
			d.Problem = err.Error()
		}
	}
}

func pause(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
		t.Fatal("the test ended while it waited")
	}
}

// head is the oldest delivery that is not superseded, cards first.
func (w *world) head() *pointsman.Delivery {
	w.mu.Lock()
	defer w.mu.Unlock()
	newest := map[string]*pointsman.Delivery{}
	for _, d := range w.queue {
		if d.Newest {
			newest[d.Lane] = d
		}
	}
	kept := w.queue[:0]
	for _, d := range w.queue {
		if !d.Newest || newest[d.Lane] == d {
			kept = append(kept, d)
		}
	}
	w.queue = kept
	for _, d := range w.queue {
		if d.Class == pointsman.Urgent {
			return d
		}
	}
	if len(w.queue) > 0 {
		return w.queue[0]
	}
	return nil
}

func (w *world) remove(d *pointsman.Delivery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.queue {
		if w.queue[i] == d {
			w.queue = append(w.queue[:i], w.queue[i+1:]...)
			return
		}
	}
}
