package bot

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slack-go/slack/socketmode"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
)

func TestAnInformedClickApproves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	card := w.asked(1)
	if c := card.Confirmation("Approve"); !strings.Contains(c, "postgres/orders") || !strings.Contains(c, "loss <= 213,792 B") {
		t.Errorf("the dialog does not say what is accepted: %s", c)
	}
	card.Click("U0ANA", "Approve")
	w.room.WaitEphemeral("U0ANA", "INC-7/P1 is approved (1 of 1) and starts now as INC-7/R1")
	w.flush()
	now := card.WaitText("is approved and starts now", "Approved by Ana Ruiz")
	for _, b := range now.Buttons() {
		if b == "Approve" || b == "Deny…" {
			t.Errorf("button %s is still there after the decision", b)
		}
	}
	now.WaitReply("Ana Ruiz approved INC-7/P1", "(1 of 1)")
	w.oneCard()
}

func TestTwoPeopleAreNeededWhereTwoAreNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	card := w.asked(2)
	card.Click("U0ANA", "Approve")
	w.room.WaitEphemeral("U0ANA", "Your approval of INC-7/P1 counts: 1 of 2")
	w.flush()
	card = card.WaitText("Approvals 1 of 2", "✓ Ana Ruiz – dba")
	card.Click("U0ANA", "Approve") // once more, on the newer card
	w.room.WaitEphemeral("U0ANA", "You approved INC-7/P1 at")
	if st, n := w.vote(); st != pointsman.ProposalReady || n != 1 {
		t.Fatalf("%s with %d votes", st, n)
	}
	card.Click("U0BEN", "Approve")
	w.room.WaitEphemeral("U0BEN", "starts now as INC-7/R1")
}

func TestWhoMayNotIsToldWhyAndItIsRecorded(t *testing.T) {
	t.Parallel()
	t.Run("no role", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.asked(1).Click("U0EVE", "Approve")
		w.room.WaitEphemeral("U0EVE", "Eve Lind has none of the roles that decide here; it needs 1 of dba")
		w.undecided(pointsman.EvVoteRefused, "Eve Lind")
	})
	t.Run("not in the configuration", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.asked(1).Click("U0MAL", "Approve")
		w.room.WaitEphemeral("U0MAL", "T0POINTS/U0MAL is not a person of the configuration")
		w.undecided(pointsman.EvVoteRefused, "U0MAL")
	})
	t.Run("a form is for people of the configuration", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.asked(1).Click("U0MAL", "Deny…")
		w.room.WaitEphemeral("U0MAL", "not a person of the configuration")
		w.undecided(pointsman.EvDoorRefused, "U0MAL")
	})
	t.Run("whoever asked may not approve", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.tell(pointsman.Request{Key: "target:postgres/orders", By: by(ana), Reason: "maintenance", Offer: webhook().Offers[1]},
			pointsman.Ready{Proposal: "INC-7/P1", Generation: 1, Plan: encoded(t, failover(needs(1))), Eligible: []string{"Ben Okafor"}})
		w.flush()
		w.room.WaitMessage("Ana Ruiz asked for it: maintenance").Click("U0ANA", "Approve")
		w.room.WaitEphemeral("U0ANA", "Ana Ruiz asked for this run and so may not approve it")
		w.undecided(pointsman.EvVoteRefused, "Ana Ruiz")
	})
	t.Run("too late", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		card := w.asked(1)
		w.mu.Lock()
		w.now = w.now.Add(time.Hour)
		w.mu.Unlock()
		card.Click("U0ANA", "Approve")
		w.room.WaitEphemeral("U0ANA", "expired at", "which is not a denial")
		w.undecided(pointsman.EvVoteRefused, "Ana Ruiz")
	})
	t.Run("on an old card", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		card := w.asked(1)
		other := failover(needs(1), func(p *pointsman.Plan) { p.Pins["candidate"] = "pg-3" })
		w.tell(pointsman.Recheck{Proposal: "INC-7/P1", By: by(ben)}, pointsman.Ready{Proposal: "INC-7/P1", Generation: 2, Plan: encoded(t, other)})
		card.Click("U0ANA", "Approve") // the edit has not arrived yet
		w.room.WaitEphemeral("U0ANA", "read the card again")
		w.undecided(pointsman.EvVoteRefused, "Ana Ruiz")
	})
	t.Run("of another workspace", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(c *fakeslack.Config) { c.TeamID = "T0OTHER" })
		w.bot.Handler.team = "T0POINTS"
		w.asked(1).Click("U0ANA", "Approve")
		w.room.WaitEphemeral("U0ANA", "another workspace")
		w.undecided(pointsman.EvDoorRefused, "T0OTHER/U0ANA")
	})
}

// undecided checks that nothing runs and that the log names who tried.
func (w *world) undecided(typ pointsman.EventType, who string) {
	w.t.Helper()
	if _, n := w.vote(); n != 0 || w.count(pointsman.EvRunQueued) != 0 {
		w.t.Errorf("%d votes, %d runs", n, w.count(pointsman.EvRunQueued))
	}
	if w.count(typ) != 1 || !strings.Contains(w.last(typ), who) {
		w.t.Errorf("%d %s, the last: %q; want one that names %s", w.count(typ), typ, w.last(typ), who)
	}
}

func TestRequestsThatAreNotSlacksAreTurnedAwayAndRecorded(t *testing.T) {
	t.Parallel()
	spoiled := map[string]fakeslack.Tamper{
		"forged":                  {Secret: "guessed"},
		"old":                     {Age: 6 * time.Minute},
		"from the future":         {Age: -6 * time.Minute},
		"unsigned":                {Unsigned: true},
		"changed after signature": {Append: "&more=1"},
	}
	for name, tamper := range spoiled {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			card := w.asked(1)
			w.slack.TamperNext(tamper)
			if r, err := card.Message.Click(t.Context(), "U0ANA", "Approve"); err != nil || r.Status != 401 {
				t.Errorf("status %d, %v; want 401", r.Status, err)
			}
			w.undecided(pointsman.EvDoorRefused, "from 127.0.0.1")
		})
	}
	t.Run("replayed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.asked(2).Click("U0ANA", "Approve")
		if r, err := w.slack.Replay(t.Context()); err != nil || r.Status != 401 {
			t.Errorf("status %d, %v; want 401", r.Status, err)
		}
		if _, n := w.vote(); n != 1 || w.count(pointsman.EvDoorRefused) != 1 {
			t.Errorf("%d votes, %d refusals", n, w.count(pointsman.EvDoorRefused))
		}
	})
	t.Run("replayed to another replica it changes nothing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.asked(2).Click("U0ANA", "Approve")
		before := len(w.log)
		w.bot.Handler.played = newReplays() // this replica has not seen the signature
		if r, err := w.slack.Replay(t.Context()); err != nil || r.Status != 200 {
			t.Errorf("status %d, %v", r.Status, err)
		}
		if _, n := w.vote(); n != 1 || len(w.log) != before {
			t.Errorf("%d votes, %d new events", n, len(w.log)-before)
		}
	})
}

func TestTheStoreIsDownSoTheClickIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	card := w.asked(1)
	w.mu.Lock()
	w.down = true
	w.mu.Unlock()
	if r, err := card.Message.Click(t.Context(), "U0ANA", "Approve"); err != nil || r.Status != 503 {
		t.Fatalf("status %d, %v; want 503", r.Status, err)
	}
	w.room.WaitEphemeral("U0ANA", "The store did not answer, so this may not have been decided")
	w.mu.Lock()
	w.down = false
	w.mu.Unlock()
	if r, err := w.slack.Replay(t.Context()); err != nil || r.Status != 200 {
		t.Errorf("the same request after the store is back: status %d, %v", r.Status, err)
	}
	if st, _ := w.vote(); st != pointsman.ProposalApproved {
		t.Errorf("the proposal is %s", st)
	}
}

func TestADenialHasAReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	card := w.asked(2)
	card.Click("U0BEN", "Deny…")
	v := w.story.WaitView("U0BEN", "Why not?", "INC-7/P1")
	w.story.Submit(v, map[string]string{"reason": "pg-1 is only restarting"})
	w.room.WaitEphemeral("U0BEN", "You denied INC-7/P1; nothing will run")
	w.flush()
	card.WaitText("was denied by Ben Okafor", "pg-1 is only restarting", "Nothing runs")
}

func TestAFormSaysInsideWhatDoesNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.asked(2).Click("U0EVE", "Deny…")
	r := w.story.Submit(w.story.WaitView("U0EVE"), map[string]string{"reason": "I do not like it"})
	if !strings.Contains(string(r.Body), "none of the roles that decide here") {
		t.Errorf("the form says %s", r.Body)
	}
	w.undecided(pointsman.EvVoteRefused, "Eve Lind")
}

func TestRefreshAsksForFreshEvidence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	card := w.asked(1)
	card.Click("U0BEN", "Refresh checks")
	w.room.WaitEphemeral("U0BEN", "the checks of INC-7/P1 run again")
	w.flush()
	card.WaitText("checking…")
}

func TestAParkedRunIsSteeredFromTheCard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	card := w.asked(1)
	card.Click("U0ANA", "Approve")
	people := map[string]pointsman.Person{"ana": ana}
	w.tell(pointsman.StartRun{Run: "INC-7/R1", Epoch: 1, People: people}, pointsman.EndStep{Run: "INC-7/R1", Epoch: 1, Step: 0, State: pointsman.StepFailed, Note: "pg-2 lags"})
	w.flush()
	card = card.WaitText("parked and needs a person", "pg-2 lags")
	card.Click("U0BEN", "Mark done…")
	v := w.story.WaitView("U0BEN", "What was done")
	w.tell(pointsman.Steer{Run: "INC-7/R1", Verb: pointsman.VerbRetry, Reason: "seen on the console", By: by(ana)}, pointsman.WakeRun{Run: "INC-7/R1", Epoch: 2})
	r := w.story.Submit(v, map[string]string{"reason": "seen on the host"})
	if !strings.Contains(string(r.Body), "older than the run") {
		t.Errorf("a decision about the first attempt counted for the second: %s", r.Body)
	}
}

func TestManyClicksAtOnceAreOneVote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	card := w.asked(1)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { card.Click("U0ANA", "Approve") })
	}
	all.Wait()
	w.bot.Handler.Drain()
	if n := w.count(pointsman.EvRunQueued); n != 1 {
		t.Errorf("%d runs", n)
	}
	for range 8 {
		card.Click("U0ANA", "Refresh checks")
	}
	w.room.WaitEphemeral("U0ANA", "More than 10 requests")
}

func TestAnEnvelopeThatComesAgainIsCarriedOutOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.asked(2)
	req := socketmode.Request{Type: socketmode.RequestTypeInteractive, EnvelopeID: "e1", Payload: json.RawMessage(`{
		"type": "block_actions", "team": {"id": "T0POINTS"}, "user": {"id": "U0ANA", "team_id": "T0POINTS"}, "channel": {"id": "C0INC"},
		"message": {"ts": "1.2"}, "actions": [{"type": "button", "action_id": "approve", "block_id": "b", "action_ts": "3.4", "value": "` +
		route{ID: "INC-7/P1", Digest: pointsman.ShortDigest(w.state.Proposals[0].Digest), Mark: "1"}.String() + `"}]}`)}
	for range 3 {
		if out := w.bot.Handler.unwrap(t.Context(), req); out.err != nil {
			t.Fatal(out.err)
		}
	}
	if _, n := w.vote(); n != 1 || w.count(pointsman.EvVoteCounted) != 1 {
		t.Errorf("%d votes", n)
	}
}

func TestAStrangeRequestIsRefusedAndTheNextOneServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.asked(1)
	for _, payload := range []string{`{`, `[]`, `null`, `{"type":"block_actions","user":{"id":"U0ANA","team_id":"T0POINTS"},"actions":[null]}`, `{"type":"view_submission","user":{"id":"U0ANA","team_id":"T0POINTS"}}`} {
		req := socketmode.Request{Type: socketmode.RequestTypeInteractive, Payload: json.RawMessage(payload)}
		w.bot.Handler.guarded(t.Context(), func() outcome { return w.bot.Handler.unwrap(t.Context(), req) })
	}
	if st, n := w.vote(); st != pointsman.ProposalReady || n != 0 {
		t.Errorf("%s, %d votes", st, n)
	}
}
