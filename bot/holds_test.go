package bot

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
)

// Held and Protect are the holds of the program, around the ledger's one state.
func (l *ledger) Held(context.Context) (pointsman.Held, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return pointsman.Held{}, errDown
	}
	h := pointsman.Held{Protections: l.state.Protections}
	if r, ok := l.state.OpenRun(); ok && r.Holds {
		h.Runs = append(h.Runs, pointsman.Lock{Target: r.Target.Key(), Incident: l.state.Incident.ID, Run: r.ID, Since: r.QueuedAt})
	}
	return h, nil
}

func (l *ledger) Protect(ctx context.Context, target string, c pointsman.Protect) (pointsman.Answer, error) {
	if c.Roles = []string{"dba"}; target != "" {
		c.Target = orders
	}
	res, err := l.Do(ctx, c)
	return res.Answer, err
}

// TestHoldAnswers holds what people read after lock, unlock, freeze and unfreeze, one command after the other.
func TestHoldAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.now = night
	w.tell(webhook(primaryDown(pointsman.AlertFiring)))
	var out strings.Builder
	for _, c := range [][2]string{
		{"U0ANA", "locks"},
		{"U0ANA", "lock"},
		{"U0ANA", "lock orders"},
		{"U0EVE", "lock orders just because"},
		{"U0ANA", "lock postgres/orders 876000h vacuum full of *payments*"},
		{"U0BEN", "lock orders mine now"},
		{"U0ANA", "locks"},
		{"U0ANA", "status"},
		{"U0BEN", "unlock orders"},
		{"U0BEN", "unlock orders ana is on holiday"},
		{"U0BEN", "unlock orders"},
		{"U0BEN", "freeze -2h no"},
		{"U0BEN", "freeze the network is being rebuilt"},
		{"U0ANA", "freeze for lunch"},
		{"U0ANA", "status"},
		{"U0BEN", "unfreeze"},
		{"U0ANA", "locks"},
	} {
		w.bot.Handler.often = newOften()
		if c[1] == "freeze for lunch" {
			w.tell(pointsman.Report{Key: "target:postgres/orders", Target: orders, What: pointsman.SeenAlarm, Text: "split brain: 2 nodes take writes"})
		}
		var ans struct{ Text string }
		if r := w.room.Slash(c[0], "/pointsman", c[1]); r.Status != http.StatusOK || json.Unmarshal(r.Body, &ans) != nil {
			t.Fatalf("%s: %d %s", c[1], r.Status, r.Body)
		}
		out.WriteString(c[0] + " /pointsman " + c[1] + "\n" + ans.Text + "\n\n")
	}
	goldenText(t, "hold_answers", out.String())
}

func goldenText(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; go test ./bot -update writes it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); go test ./bot -update writes it anew\n%s", file, diff)
	}
}

func TestLocksAndFreezesAreAnnouncedInTheChannel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.room.Slash("U0ANA", "/pointsman", "lock orders vacuum full")
	w.room.Slash("U0BEN", "/pointsman", "freeze the network is being rebuilt")
	w.room.Slash("U0EVE", "/pointsman", "unfreeze because I want to")
	w.flush()
	w.room.WaitMessage("postgres/orders is locked by Ana Ruiz since", "vacuum full")
	w.room.WaitMessage("everything is frozen by Ben Okafor since", "the network is being rebuilt")
	if n := len(w.slack.Calls("chat.postMessage")); n != 2 {
		t.Errorf("%d messages, want 2: what does not count is told to nobody else", n)
	}
}
