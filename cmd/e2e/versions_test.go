package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// laterBook has a step that only the later version can carry out.
var laterBook = strings.NewReplacer("name: crash", "name: later", "Three effects", "Three effects of a later version", `alertname="Crash"`, `alertname="Later"`,
	"{name: second, kind: exec.run", "{name: second, kind: later.run").Replace(crashBook)

// versions is a crew of a later version and of today's program, in this order, on one database.
type versions struct {
	*crew
	today, later *replica
}

func openVersions(t *testing.T) *versions {
	t.Helper()
	c := openCrew(t, 2, fast)
	v := &versions{crew: c, today: c.all[1], later: c.all[0]}
	v.later.is = laterProgram(t)
	// The later one has a runbook more, as after an upgrade of its host.
	folder := filepath.Join(c.dir, v.later.name, "runbooks")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	v.write(v.later.name+"/runbooks/crash.yaml", crashBook, 0o600)
	v.write(v.later.name+"/runbooks/later.yaml", laterBook, 0o600)
	text, err := os.ReadFile(v.later.file)
	if err != nil {
		t.Fatal(err)
	}
	v.write(v.later.name+"/pointsman.yaml", strings.Replace(string(text), "runbooks: ["+filepath.Join(c.dir, "runbooks")+"]", "runbooks: ["+folder+"]", 1), 0o600)
	return v
}

// alert is an alert of one lane.
func laneAlert(name string, i int, outage string) map[string]string {
	return map[string]string{"alertname": name, "service": lane(i), "outage": outage, "severity": "critical"}
}

// TestTwoVersions has today's program and a later version work on one database, as in the middle of an upgrade.
func TestTwoVersions(t *testing.T) {
	t.Parallel()
	t.Run("side_by_side", func(t *testing.T) {
		t.Parallel()
		v := openVersions(t)
		v.today.begin()
		v.today.ready()
		v.begin()
		v.later.begin() // migrates under the other one
		v.later.ready()
		<-time.After(soakFor(3*time.Second, time.Minute))
		v.later.kill()
		v.later.begin()
		v.later.ready()
		<-time.After(soakFor(time.Second, time.Minute))
		v.await("the later version has begun a run", func() error {
			if v.column(`SELECT count(*)::text FROM log WHERE type = 'run.later'`)[0] == "0" {
				return errAgain
			}
			return nil
		})
		v.end()
		v.aftermath()
	})
	t.Run("runs_of_the_older_are_carried_on_by_the_newer", func(t *testing.T) {
		t.Parallel()
		carriedOn(t, "exec.started", 1) // in the middle of a step
		for i, place := range slices.Repeat(places, soak(0, 20)) {
			t.Run(fmt.Sprintf("%d_%s", i+1, place), func(t *testing.T) {
				t.Parallel()
				carriedOn(t, place)
			})
		}
	})
	t.Run("what_the_older_does_not_know_is_left_to_the_newer", leftAlone)
	t.Run("downgrade_on_SQLite_is_refused_and_changes_nothing", downgraded)
}

// carriedOn: today's version is at work on runs and is killed at the place; the later version takes them over, asks what it
// cannot see, and carries out what was approved, on all lanes of the traffic if none are named. Then today's version does not start any more.
func carriedOn(t *testing.T, place string, only ...int) {
	v := openVersions(t)
	v.today.begin("POINTSMAN_FAILPOINT=" + place)
	began := time.Now()
	v.begin(only...)
	v.today.died()
	v.later.begin()
	v.end()
	v.aftermath()
	if slices.Contains(owning, place) && v.taken(began) == 0 {
		t.Error("the later version took over nothing")
	}
	if said := v.refusedStart(v.today); !strings.Contains(said, "the database has schema 99, this pointsman knows up to ") || !strings.Contains(said, "start the newer pointsman, or restore the backup from before the upgrade") {
		t.Errorf("today's version on the later schema: %q", said)
	}
}

// refusedStart starts a replica that must not start, and returns what it said.
func (v *versions) refusedStart(r *replica) string {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, program(v.t), "serve", "--config", r.file).CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); !exited {
		v.t.Errorf("it ended with %v", err)
	}
	return string(out)
}

// leftAlone: with the later version dead, today's shows what that one left, and neither answers, claims nor changes it;
// its own runs go on. The later version then carries it to its end.
func leftAlone(t *testing.T) {
	t.Parallel()
	v := openVersions(t)
	v.today.begin()
	v.today.ready()
	v.later.begin("POINTSMAN_FAILPOINT=commit.after CastVote")
	v.today.lives.Store(false) // the balancer leads everything to the later one
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	incident, err := v.fire(ctx, firing(laneAlert("Later", 0, "one")))
	if err != nil {
		t.Fatal(err)
	}
	st := v.state(incident, "has a plan, and nobody said that there is no such runbook", ready)
	v.press(ctx, st.Proposals[0])
	v.later.died()
	v.today.lives.Store(true)
	v.state(incident, "is queued as today's version shows it", func(st pointsman.State) bool {
		return len(st.Runs) == 1 && st.Runs[0].State == pointsman.RunQueued
	})
	v.logs("is left to a newer version: step 2 is of the kind later.run")

	// A run of the later version that died in the middle of a step.
	v.today.lives.Store(false)
	v.later.begin("POINTSMAN_FAILPOINT=exec.started")
	v.later.died()
	v.today.lives.Store(true)
	v.logs(`json: unknown field \"later\"`)
	own, err := v.fire(ctx, firing(laneAlert("Crash", 1, "two")))
	if err != nil {
		t.Fatal(err)
	}
	run, err := v.approve(ctx, own, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.lookAfter(ctx, own, run); err != nil {
		t.Error(err)
	}
	st = v.now(incident)
	if r := st.Runs[0]; r.State != pointsman.RunRunning || len(v.events(incident, pointsman.EvRunTaken)) != 0 {
		t.Errorf("it was not left alone: %s", brief(st))
	}
	if status, text := v.answer("ana", "/api/v1/steer", map[string]string{"run": st.Runs[0].ID, "verb": "abort", "reason": "it stands still", "at": st.Runs[0].Mark()}); status != http.StatusServiceUnavailable ||
		!strings.Contains(text, "was it written by a newer pointsman? Only that one may change it") {
		t.Errorf("a word of a person: %d %s", status, text)
	}
	if n := len(v.effectsOf(run)); n != 3 { // the one that the other died in may have come to its end by itself
		t.Errorf("carried out: %q, want its own three", v.effects())
	}

	v.later.begin()
	v.today.lives.Store(false)
	if err := v.lookAfter(ctx, incident, st.Runs[0].ID); err != nil {
		t.Fatal(err)
	}
	if n := len(v.effects()); n != 6 {
		t.Errorf("carried out in the end: %q, want six", v.effects())
	}
	v.today.lives.Store(true)
	v.drained()
	v.saidOnce()
	v.wholeLogIsIntact()
}

// effectsOf are those of one run.
func (v *versions) effectsOf(run string) []string {
	return slices.DeleteFunc(v.effects(), func(key string) bool { return !strings.HasPrefix(key, run+"/") })
}

// press approves once, without a look at the answer: whoever gives it may be dead before.
func (v *versions) press(ctx context.Context, p pointsman.Proposal) {
	v.t.Helper()
	body, err := json.Marshal(map[string]string{"id": p.ID, "digest": p.Digest, "verdict": "approve"})
	if err != nil {
		v.t.Fatal(err)
	}
	var ans pointsman.Answer
	if err := v.tell(ctx, http.MethodPost, "/api/v1/votes", tokenOf("ana"), body, &ans); err != nil && !errors.Is(err, errAgain) {
		v.t.Error(err)
	}
}

// logs waits until some program has said this.
func (s *stage) logs(text string) {
	s.t.Helper()
	s.await("the log says "+text, func() error {
		said, err := os.ReadFile(filepath.Join(s.dir, "pointsman.log"))
		if err == nil && !strings.Contains(string(said), text) {
			err = errors.New("it does not")
		}
		return err
	})
}

// downgraded: a SQLite file that the later version has had is refused by today's, byte for byte as it was.
func downgraded(t *testing.T) {
	t.Parallel()
	tr := openTraffic(t, "sqlite", fast)
	serve := func() (end func()) {
		cmd := tr.launchThe(laterProgram(t), tr.file)
		return func() {
			_ = cmd.Process.Signal(os.Interrupt)
			if err := cmd.Wait(); err != nil {
				t.Errorf("the later version ended with %v", err)
			}
		}
	}
	end := serve()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	incident, err := tr.fire(ctx, firing(laneAlert("Crash", 0, "one")))
	if err != nil {
		t.Fatal(err)
	}
	tr.state(incident, "has a plan", ready)
	end()
	before := tr.printed()
	out, err := exec.CommandContext(ctx, program(t), "serve", "--config", tr.file).CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); !exited || !strings.Contains(string(out), "the database has schema 99, this pointsman knows up to ") {
		t.Errorf("it ended with %v and said %q", err, out)
	}
	if after := tr.printed(); after != before {
		t.Errorf("the refusal changed the files: %s, before %s", after, before)
	}
	end = serve()
	tr.state(incident, "is there again", ready)
	end()
}

// printed are the sums of what the program keeps on disk.
func (s *stage) printed() string {
	s.t.Helper()
	var out []string
	for _, name := range []string{"pointsman.db", "pointsman.db-wal", "announced.json", "audit.key"} {
		text, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			s.t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s %x", name, sha256.Sum256(text)))
	}
	return strings.Join(out, ", ")
}
