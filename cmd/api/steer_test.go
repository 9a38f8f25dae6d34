package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
)

// parked is an incident whose run R2 stands at the second attempt of its first step; R1 is over.
func parked() pointsman.State {
	return pointsman.State{Incident: pointsman.Incident{ID: "INC-7"}, Runs: []pointsman.Run{
		{ID: "INC-7/R1", State: pointsman.RunAborted, Steps: []pointsman.RunStep{{Name: "drain", State: pointsman.StepFailed, Attempt: 1}}},
		{ID: "INC-7/R2", Title: "Failover", State: pointsman.RunParked, Steps: []pointsman.RunStep{{Name: "drain", State: pointsman.StepUnknown, Attempt: 2}}},
	}}
}

func TestEveryVerbIsBoundToWhatThePersonSaw(t *testing.T) {
	t.Parallel()
	uid := uint32(1000)
	exact := map[pointsman.Verb]bool{pointsman.VerbRetry: true, pointsman.VerbAccept: true, pointsman.VerbDone: true, pointsman.VerbSkip: true}
	for _, verb := range pointsman.Verbs() {
		t.Run(string(verb), func(t *testing.T) {
			t.Parallel()
			d := &desk{state: parked()}
			digest := ""
			if verb == pointsman.VerbAccept {
				digest = "5f5f5f5f5f5f"
			}
			post := func(run, at string) (int, pointsman.Answer) {
				t.Helper()
				return d.ask(t, http.MethodPost, "/api/v1/steer", fmt.Sprintf(`{"run":%q,"verb":%q,"at":%q,"digest":%q,"reason":"seen in psql"}`, run, verb, at, digest), "", &uid)
			}
			want := pointsman.Steer{Run: "INC-7/R2", Verb: verb, Mark: "1.2", Digest: digest, Reason: "seen in psql"}
			reached := func(n int) pointsman.Steer {
				t.Helper()
				if len(d.done) != n {
					t.Fatalf("%d commands reached the store, want %d: %+v", len(d.done), n, d.done)
				}
				got, _ := d.done[n-1].(pointsman.Steer)
				if got.By.Person.ID != "ana" {
					t.Errorf("said by %+v", got.By)
				}
				got.By = pointsman.Actor{}
				return got
			}
			if status, ans := post("INC-7/R2", "1.2"); status != http.StatusOK || !cmp.Equal(reached(1), want) {
				t.Fatalf("%d %q %+v", status, ans.Text, d.done)
			}
			for i, blind := range [][2]string{{"INC-7/R2", ""}, {"INC-7", ""}, {"INC-7", "1.2"}} {
				status, ans := post(blind[0], blind[1])
				if !exact[verb] {
					want.Mark = blind[1]
					if got := reached(i + 2); status != http.StatusOK || !cmp.Equal(got, want) {
						t.Errorf("%q: %d %q %+v", blind, status, ans.Text, got)
					}
					continue
				}
				reached(1)
				if status != http.StatusUnprocessableEntity || !strings.Contains(ans.Text, "nothing was changed: Failover is parked at step 1 of 1 (drain)") || !strings.Contains(ans.Text, "run INC-7/R2, at 1.2") {
					t.Errorf("%q: %d %q", blind, status, ans.Text)
				}
			}
		})
	}
}

func TestARunThatIsNotThereIsNotSteered(t *testing.T) {
	t.Parallel()
	uid := uint32(1000)
	for _, run := range []string{"INC-7/R9", "INC-8"} {
		d := &desk{state: parked()}
		status, ans := d.ask(t, http.MethodPost, "/api/v1/steer", fmt.Sprintf(`{"run":%q,"verb":"done","reason":"seen"}`, run), "", &uid)
		if status != http.StatusNotFound || len(d.done) != 0 || !strings.Contains(ans.Text, run) {
			t.Errorf("%s: %d %q", run, status, ans.Text)
		}
	}
}

// Figures are accepted by the digest of the question that was read; without it the answer says which that is.
func TestFiguresAreAcceptedByTheirDigest(t *testing.T) {
	t.Parallel()
	uid := uint32(1000)
	st := parked()
	st.Runs[1].Question = &pointsman.Question{Digest: strings.Repeat("5f", 32)}
	d := &desk{state: st}
	status, ans := d.ask(t, http.MethodPost, "/api/v1/steer", `{"run":"INC-7/R2","verb":"accept","at":"1.2","reason":"drafts"}`, "", &uid)
	if status != http.StatusUnprocessableEntity || len(d.done) != 0 || !strings.Contains(ans.Text, "run INC-7/R2, at 1.2, digest 5f5f5f5f5f5f") {
		t.Errorf("%d %q", status, ans.Text)
	}
}

// The answer to "steer INC-7 abort" was lost. Whoever repeats it under its name must hear that it was done, and not that there is no
// run; and nobody's word about one step is taken for a step of a run that is over.
func TestAnOrderThatEndedTheRunCanBeRepeated(t *testing.T) {
	t.Parallel()
	uid := uint32(1000)
	st := parked()
	for i := range st.Runs {
		st.Runs[i].State = pointsman.RunAborted
	}
	d := &desk{state: st}
	status, ans := d.ask(t, http.MethodPost, "/api/v1/steer", `{"run":"INC-7","verb":"abort","reason":"by hand"}`, "", &uid)
	if status != http.StatusOK || len(d.done) != 1 || d.done[0].(pointsman.Steer).Run != "INC-7/R2" {
		t.Errorf("%d %q %+v", status, ans.Text, d.done)
	}
	status, ans = d.ask(t, http.MethodPost, "/api/v1/steer", `{"run":"INC-7","verb":"done","at":"1.2","reason":"seen"}`, "", &uid)
	if status != http.StatusNotFound || len(d.done) != 1 {
		t.Errorf("%d %q %+v", status, ans.Text, d.done)
	}
}
