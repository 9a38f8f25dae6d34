package app

import (
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman/actions/killswitch"
)

// An entry that had to wait for the store says from when it is, and one that was not written is said to be missing, so that
// it comes again.
func TestAChangeOfAKillSwitchIsOnRecordOrComesAgain(t *testing.T) {
	t.Parallel()
	a, _ := offering(t, quiet+"alertmanager: {tokens: [token-of-the-test]}\n")
	st := killswitch.Status{Name: "trading", State: killswitch.Engaged, Reason: "prices are wrong", LastRead: time.Now(), Late: 3 * time.Minute}
	if err := a.switchChanged(t.Context(), st); err != nil {
		t.Fatal(err)
	}
	entries, err := a.store.Log(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if last := string(entries[len(entries)-1].Body); !strings.Contains(last, "kill switch trading is engaged") || !strings.Contains(last, "; that was 3m ago, the record could not be written") {
		t.Errorf("the log says %s", last)
	}
	if err := a.store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.switchChanged(t.Context(), st); err == nil {
		t.Error("an entry that was not written counts as written")
	}
}
