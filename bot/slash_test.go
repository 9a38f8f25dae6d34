package bot

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

func testContext(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	return ctx, stop
}

func dump(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte(err.Error())
	}
	return b
}

func TestSlashCommand(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		user, text string
		says       []string
	}{
		"bare is help":                   {"U0ANA", "", []string{"What I can do", "/pointsman status"}},
		"a stranger gets help":           {"U0MAL", "help", []string{"What I can do"}},
		"a stranger gets nothing else":   {"U0MAL", "status", []string{"not a person of the configuration"}},
		"what is unknown is named":       {"U0ANA", "statsu `now`", []string{"I do not know `statsu`", "What I can do"}},
		"status":                         {"U0ANA", "status", []string{"1 open incident", "INC-7", "waits for approval, 0 of 1"}},
		"incident by number":             {"U0ANA", "incident 7", []string{"PrimaryDown", "Approvals 0 of 1", "Open the card"}},
		"incident that is not":           {"U0ANA", "incident INC-9", []string{"There is no incident `INC-9`"}},
		"incident without a name":        {"U0ANA", "incident", []string{"Which incident?"}},
		"runbooks":                       {"U0ANA", "runbooks", []string{"`postgres-switchover`", "review 2025-11-21 ⚠️ overdue"}},
		"run says what is missing":       {"U0ANA", "run", []string{"Which runbook?"}},
		"run says what is wrong":         {"U0ANA", "run reboot everything", []string{"there is no runbook"}},
		"run says what is there already": {"U0EVE", "run postgres-switchover orders planned maintenance", []string{"is already proposed as INC-7/P2"}},
		"run in an incident":             {"U0EVE", "run postgres-switchover orders incident=inc-7 planned maintenance", []string{"is already proposed as INC-7/P2"}},
		"run in one that is not there":   {"U0EVE", "run postgres-switchover orders incident=INC-9", []string{"there is no incident INC-9"}},
		"kill switches":                  {"U0ANA", "killswitch", []string{"*engaged* · trading", "unknown, counts as engaged* · payouts"}},
		"engage with a reason":           {"U0ANA", "killswitch engage trading prices are wrong", []string{"trading is engaged and was read back"}},
		"release refused":                {"U0ANA", "killswitch release trading prices are right again", []string{"cannot be released now"}},
		"kill switch verbs":              {"U0ANA", "killswitch toggle trading", []string{"I do not know `killswitch toggle`"}},
	}
	w := newWorld(t)
	w.asked(1)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w.bot.Handler.often = newOften()
			r := w.room.Slash(c.user, "/pointsman", c.text)
			var body strings.Builder
			enc := json.NewEncoder(&body)
			enc.SetEscapeHTML(false)
			var v any
			if err := json.Unmarshal(r.Body, &v); err != nil {
				t.Fatalf("%v: %s", err, r.Body)
			}
			if err := enc.Encode(v); err != nil {
				t.Fatal(err)
			}
			for _, s := range append(c.says, `"response_type":"ephemeral"`) {
				if !strings.Contains(body.String(), s) {
					t.Errorf("%q is missing in %s", s, body.String())
				}
			}
			if strings.Contains(body.String(), `"action_id"`) {
				t.Error("a private answer has buttons")
			}
		})
	}
}

func TestRunOpensAnIncidentOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.room.Slash("U0EVE", "/pointsman", "run postgres-switchover orders planned maintenance of pg-1")
	if !strings.Contains(string(r.Body), "postgres-switchover on postgres/orders is being checked as INC-7/P1") {
		t.Fatalf("%s", r.Body)
	}
	w.flush()
	w.room.WaitMessage("opened by Eve Lind", "Eve Lind asked for it: planned maintenance of pg-1")
}

func TestAModeBeforeTheTargetIsNoReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	args, reason := w.bot.Handler.arguments("postgres-switchover", strings.Fields("mode=drill orders the yearly exercise"))
	if strings.Join(args, " ") != "mode=drill orders" || reason != "the yearly exercise" {
		t.Fatalf("%q, %q", args, reason)
	}
}

func TestEngagingWithoutAReasonAsksForOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.room.Slash("U0ANA", "/pointsman", "killswitch engage trading")
	w.story.Submit(w.story.WaitView("U0ANA", "Why?", "trading"), map[string]string{"reason": "prices are wrong since 02:50"})
	w.room.WaitEphemeral("U0ANA", "trading is engaged")
	if len(w.switches.did) != 1 || !strings.Contains(w.switches.did[0], "prices are wrong since 02:50 by Ana Ruiz") {
		t.Errorf("%q", w.switches.did)
	}
}

func TestASlowKillSwitchIsAcknowledgedInTimeAndAnsweredLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.switches.slow = make(chan struct{})
	r := w.room.Slash("U0ANA", "/pointsman", "killswitch engage trading prices are wrong")
	if !strings.Contains(string(r.Body), "nothing is known yet") || strings.Contains(string(r.Body), "is engaged") || r.Took > 3*time.Second {
		t.Errorf("after %s: %s", r.Took, r.Body)
	}
	close(w.switches.slow)
	w.room.WaitEphemeral("U0ANA", "trading is engaged and was read back")
}

// A tick is read as "trading has stopped".
func TestAKillSwitchThatIsStillBeingEngagedHasNoTick(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.switches.code = pointsman.CodeUnderway
	r := w.room.Slash("U0ANA", "/pointsman", "killswitch engage trading prices are wrong")
	if !strings.Contains(string(r.Body), "⏳ trading") || strings.Contains(string(r.Body), "✅") {
		t.Errorf("%s", r.Body)
	}
	w.room.Slash("U0ANA", "/pointsman", "killswitch engage trading")
	r = w.story.Submit(w.story.WaitView("U0ANA", "Why?", "trading"), map[string]string{"reason": "prices are wrong since 02:50"})
	if strings.Contains(string(r.Body), "errors") {
		t.Errorf("the form calls it refused: %s", r.Body)
	}
	w.room.WaitEphemeral("U0ANA", "⏳ trading")
}

func TestAStoreThatIsDownIsSaidInWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mu.Lock()
	w.down = true
	w.mu.Unlock()
	if r := w.room.Slash("U0ANA", "/pointsman", "status"); !strings.Contains(string(r.Body), "The store did not answer") {
		t.Errorf("%s", r.Body)
	}
}

func TestPrivateAnswersGoOnlyToAllowedHosts(t *testing.T) {
	t.Parallel()
	r := newReplies(Config{}, nil, nil, slog.New(slog.DiscardHandler))
	for address, want := range map[string]bool{
		"https://hooks.slack.com/actions/T0/1/x":  true,
		"http://hooks.slack.com/actions/T0/1/x":   false,
		"https://hooks.slack.com.evil.example/x":  false,
		"https://hooks.slack.com@evil.example/x":  false,
		"https://user@hooks.slack.com/x":          false,
		"http://169.254.169.254/latest/meta-data": false,
		"": false,
		"https://hooks.slack.com:444/actions/T0/1/x":      false,
		"//hooks.slack.com/actions":                       false,
		"https://evil.example/?u=https://hooks.slack.com": false,
	} {
		if got := r.mayUse(address); got != want {
			t.Errorf("%q: %v, want %v", address, got, want)
		}
	}
}

func TestButtonsCarryNoAuthority(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", "INC-7/P1", "rm -rf /", "INC-7/P1 a b c", "X-1 - -", "INC-" + strings.Repeat("7", 80) + " - -"} {
		if r, ok := parseRoute(value); ok {
			t.Errorf("%q is taken as %+v", value, r)
		}
	}
	in := route{ID: "INC-7/R1", Mark: "3.1"}
	if out, ok := parseRoute(in.String()); !ok || out != in {
		t.Errorf("%q comes back as %+v", in.String(), out)
	}
	if (pointsman.Run{}).Mark() != "1.0" {
		t.Error("a run without steps has no mark")
	}
}
