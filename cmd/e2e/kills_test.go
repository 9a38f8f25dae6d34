package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// places are the failpoints at which the program is killed most, along the life of an alert: where something was said
// yes to, or an effect was on its way.
var places = []string{
	"commit.before ReceiveAlerts", "commit.after ReceiveAlerts", "webhook.stored",
	"plan.checked", "commit.before Ready", "commit.after Ready", "commit.before slack", "commit.after slack",
	"delivery.claimed slack", "slack.before-post card", "slack.after-post card", "slack.after-post line", "delivery.settled slack",
	"commit.before CastVote", "log.appended CastVote", "commit.after CastVote", "click.decided interaction",
	"run.claimed", "recheck.after", "commit.before StartRun", "commit.after StartRun",
	"step.before-apply exec.run", "exec.started", "exec.ended", "step.after-apply exec.run", "commit.after NoteMemo",
	"heartbeat.after", "step.before-outcome exec.run", "commit.before EndStep", "commit.after EndStep", "commit.after EndStep #3",
}

// morePlaces are killed at less often: those at which nothing was said or done since the place before, and those off the path
// of most alerts. TestPlaces holds both lists against the source: whoever adds a failpoint adds it here.
var morePlaces = []string{
	"webhook.read", "slack.before-post line", "recheck.before", "heartbeat.before",
	"log.appended ReceiveAlerts", "commit.before pagerduty", "commit.after pagerduty", "delivery.sending slack", "slack.before-edit", "slack.after-edit",
	"delivery.sent slack", "delivery.sending pagerduty", "delivery.sent pagerduty", "delivery.settled pagerduty",
	"click.verified interaction", "commit.before NoteMemo", "log.appended EndStep", "commit.before EndStep #3",
	"commit.before TakeOver", "commit.after TakeOver", "step.observed exec.run",
	"commit.before Steer", "commit.after Steer", "commit.before WakeRun", "commit.after WakeRun",
	"commit.before note", "commit.after note", "commit.after leases", "checkpoint.signed", "checkpoint.stored",
}

// needsPark are the places that a run passes only after another crash: a step of which nobody saw the end.
var needsPark = regexp.MustCompile(`TakeOver|observed|Steer|WakeRun|pagerduty`)

// fast are the timings of the crash tests: on PostgreSQL a successor takes over after 300 ms.
const fast = "{lease: 300ms, heartbeat: 100ms, sweep: 50ms, check_timeout: 30s}"

// TestKilledAtEachPlace kills the program at each failpoint, again and again while alerts come in and people decide,
// and starts it again. Each start is armed for the next place, so what one kill left is what the next one meets.
func TestKilledAtEachPlace(t *testing.T) {
	t.Parallel()
	rounds := soak(20, 150)
	const together, seldom = 4, 5 // rounds on one stage, more would only make its channel long; one in five goes everywhere
	for _, driver := range []string{"sqlite", "postgres"} {
		for first := 0; first < rounds; first += together {
			t.Run(fmt.Sprintf("%s_%d", driver, first+1), func(t *testing.T) {
				t.Parallel()
				tr := openTraffic(t, driver, fast)
				tr.begin()
				for round := range min(together, rounds-first) {
					where := slices.Clone(places)
					if (first+round)%seldom == 0 {
						where = append(where, morePlaces...)
					}
					rand.Shuffle(len(where), func(i, j int) { where[i], where[j] = where[j], where[i] })
					for _, place := range where {
						if place == "commit.after leases" && driver == "postgres" {
							continue // others may live, so nothing is reset
						}
						if needsPark.MatchString(place) {
							tr.dieAt("exec.started")
						}
						tr.dieAt(place)
					}
				}
				tr.revive()
				tr.end()
				tr.aftermath()
			})
		}
	}
}

// TestKilledAtAnyMoment kills the program at moments that nobody chose.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	const together = 125 // on one stage
	kills := soak(500, 10_000)
	var ready atomic.Int64
	t.Cleanup(func() {
		t.Logf("%d of %d kills came after the program was ready", ready.Load(), kills)
		if 2*ready.Load() < int64(kills) {
			t.Errorf("%d of %d kills came after the program was ready, want half", ready.Load(), kills)
		}
	})
	for _, driver := range []string{"sqlite", "postgres"} {
		for first := 0; first < kills/2; first += together {
			t.Run(fmt.Sprintf("%s_%d", driver, first+1), func(t *testing.T) {
				t.Parallel()
				tr := openTraffic(t, driver, fast)
				tr.begin()
				for i := range together {
					if tr.killedSoon(i%2 == 0) {
						ready.Add(1)
					}
				}
				tr.revive()
				tr.end()
				tr.aftermath()
			})
		}
	}
}

// killedSoon starts the program, kills it at a moment that nobody chose, after its start or after it is ready, and says
// whether it was ready.
func (tr *traffic) killedSoon(afterReady bool) bool {
	tr.t.Helper()
	ctx, cancel := context.WithTimeout(tr.t.Context(), patience)
	defer cancel()
	cmd := tr.launch(tr.file)
	ready := make(chan error, 1)
	go func() { ready <- until(ctx, func() error { return tr.isReady(ctx) }) }()
	moment := time.After(20*time.Millisecond + rand.N(200*time.Millisecond))
	was := false
	if afterReady {
		if err := <-ready; err != nil {
			tr.t.Errorf("the program is not ready: %v", err)
		}
		was, moment = true, time.After(rand.N(100*time.Millisecond))
	}
	<-moment
	_ = cmd.Process.Kill() // it lives until then
	_ = cmd.Wait()
	cancel()
	return was || <-ready == nil
}

// isReady asks a program that may be dead whether it serves.
func (tr *traffic) isReady(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, tr.at()+"/-/ready", nil)
	if err != nil {
		return err
	}
	resp, err := tr.client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", errAgain, err)
	}
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%w: %s", errAgain, resp.Status)
	}
	return errors.Join(err, resp.Body.Close())
}

// soak is a size in the usual tests and in those before a release.
func soak(usual, release int) int {
	if os.Getenv("POINTSMAN_SOAK") != "" {
		return release
	}
	return usual
}

// launch starts the program and does not wait for it. It lets the program say more than Slack would.
func (s *stage) launch(file string, env ...string) *exec.Cmd {
	s.t.Helper()
	return s.launchThe(program(s.t), file, env...)
}

// launchThe starts a program of which there are several versions.
func (s *stage) launchThe(program, file string, env ...string) *exec.Cmd {
	s.t.Helper()
	log := s.openLog()
	cmd := exec.Command(program, "serve", "--config", file)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, s.dir
	slack := fmt.Sprintf("POINTSMAN_SLACK_API_URL=%s/from/%d/api/", s.slack.Config().BaseURL, s.launched.Add(1))
	cmd.Env = append(append(os.Environ(), slack, "POINTSMAN_SLACK_POSTS_PER_SECOND=100", "GOMAXPROCS=2"), env...)
	if err := errors.Join(startOwned(cmd), log.Close()); err != nil {
		s.t.Fatal(err)
	}
	return cmd
}

// startOwned starts a program that does not outlive the tests. The kernel ends it with the thread that started it, so
// that thread is kept for it alone: one that also started a server would end with that server, and take the program along.
func startOwned(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		pid := 0
		if err == nil {
			pid = cmd.Process.Pid
		}
		started <- err
		for err = unix.EINTR; pid != 0 && errors.Is(err, unix.EINTR); { // looks only; whoever started it waits for it
			err = unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		}
	}()
	return <-started
}

// dieAt starts the program and waits until it has killed itself at the place.
func (tr *traffic) dieAt(place string) {
	tr.t.Helper()
	cmd := tr.launch(tr.file, "POINTSMAN_FAILPOINT="+place)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if place == "checkpoint.signed" || place == "checkpoint.stored" {
		go tr.exportOnce() // which signs
	}
	select {
	case err := <-ended:
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			tr.t.Fatalf("%s: the program ended with %v", place, err)
		}
		if status, _ := exit.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
			text, _ := os.ReadFile(filepath.Join(tr.dir, "pointsman.log"))
			tr.t.Fatalf("%s: the program ended with %v:\n%s", place, err, text[max(0, len(text)-3000):])
		}
	case <-time.After(long):
		_ = cmd.Process.Kill()
		<-ended
		text, _ := os.ReadFile(filepath.Join(tr.dir, "pointsman.log"))
		tr.t.Fatalf("the program did not come to %s:\n%s", place, text[max(0, len(text)-3000):])
	}
}

// revive starts a program that is not killed any more.
func (tr *traffic) revive() {
	tr.t.Helper()
	cmd := tr.launch(tr.file)
	tr.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if tr.t.Failed() {
			text, _ := os.ReadFile(filepath.Join(tr.dir, "pointsman.log"))
			tr.t.Logf("log of the program:\n%s", text[max(0, len(text)-20_000):])
		}
	})
}
