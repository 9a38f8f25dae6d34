// Package e2e tells the project's stories from end to end: the whole program with its real configuration, real
// PostgreSQL servers, a real Alertmanager where one matters, and a strict stand-in for Slack. It holds tests only.
package e2e

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pointsman/pointsman/bot/fakeslack"
	"github.com/pointsman/pointsman/cmd/app"
	"github.com/pointsman/pointsman/cmd/lab"
	"github.com/pointsman/pointsman/comms/pagerduty/pagerdutytest"
	"github.com/pointsman/pointsman/configs"
)

// setting is what a story asks of its stage; the zero value is the program on SQLite with Slack, and nothing to act on.
type setting struct {
	driver    string                         // "sqlite" by default, or "postgres"
	folder    string                         // of the SQLite file; the stage's own by default
	process   bool                           // as a process of its own, which can be killed
	socket    bool                           // Slack is dialled, as by default, instead of calling us
	pair      bool                           // a primary with its standby
	read      time.Duration                  // for one node, 20 s by default: longer than a busy machine needs, and what each look at a hung one costs
	hands     bool                           // and a PgBouncer before it, and a node hook on each machine
	switches  bool                           // three kill switches in a database of their own
	pager     bool                           // a PagerDuty
	services  string                         // YAML of targets.service
	endpoints string                         // YAML of targets.endpoint
	patroni   string                         // YAML of targets.patroni
	route     string                         // YAML of route
	timings   string                         // YAML of timings
	guards    string                         // YAML beside the roles under guards
	runbooks  func(name, text string) string // edits the shipped runbooks
	books     map[string]string              // files in place of the shipped runbooks
	edit      func(*configs.Config)          // changes what was read; inside the test only
}

// stage is everything that runs for one story.
type stage struct {
	t     testing.TB
	dir   string
	file  string // the configuration
	base  string // where the program listens
	dsn   string // of the program's own PostgreSQL
	pair  *lab.Pair
	pool  *lab.PgBouncer
	where string // of the kill switches: their database
	slack *fakeslack.Slack
	pager *pagerdutytest.Fake
	story fakeslack.Story
	room  fakeslack.Place
	stop  func() // of the program that runs now; may be called twice
	app   *app.App
	cmd   *exec.Cmd
	as    setting
	hold  atomic.Pointer[chan struct{}] // the second vantage point answers when it is closed

	launched atomic.Int64 // processes, each with a name of its own at Slack
}

// The workspace, and what proves who one is.
const (
	team         = "T0POINTS"
	channel      = "C0INC"
	webhookToken = "webhook-token-of-the-stage"
	pagerKey     = "0123456789abcdef0123456789abcdef"
)

func tokenOf(person string) string { return "personal-token-of-" + person }

// patience is how long a story waits for one fact. It is long because two cores run several stories with the race
// detector; nothing depends on it.
const patience = 3 * time.Minute

// open sets the stage and starts the program.
func open(t testing.TB, as setting) *stage {
	t.Helper()
	s := &stage{t: t, as: as}
	dir, err := os.MkdirTemp("", "pointsman-e2e-") // short: a Unix socket's path has room for 100 characters
	if err != nil {
		t.Fatal(err)
	}
	s.dir = dir
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if as.pair {
		s.pair = lab.NewPair(t, lab.PairOptions{})
	}
	if as.hands {
		s.pool = lab.NewPgBouncer(t, lab.PgBouncerOptions{Server: s.pair.Primary})
	}
	s.openSlack()
	s.configure()
	s.start()
	t.Cleanup(func() { s.stop() })
	if as.pair {
		s.sampled()
	}
	return s
}

func (s *stage) openSlack() {
	s.slack = fakeslack.New(fakeslack.Config{
		TeamID: team, AckWithin: patience, // a click waits for the disk of the machine that tests; no story is about Slack's three seconds
		Channels: []fakeslack.ChannelConfig{{ID: channel, Name: "incidents"}},
		Users: []fakeslack.User{
			{ID: "U0ANA", Name: "ana", Real: "Ana Ruiz"},
			{ID: "U0BEN", Name: "ben", Real: "Ben Okafor"},
			{ID: "U0CHI", Name: "chi", Real: "Chi Nguyen"},
			{ID: "U0DEE", Name: "dee", Real: "Dee Larsen"},
			{ID: "U0ELI", Name: "eli", Real: "Eli Marchetti"},
			{ID: "U0EVE", Name: "eve", Real: "Eve Lind"},
			{ID: "U0MAL", Name: "mal", Real: "Mal Ory"},
		},
	})
	server := httptest.NewServer(s.slack)
	s.t.Cleanup(func() { s.slack.Close(); server.Close() })
	s.slack.SetBaseURL(server.URL)
	s.story = s.slack.Story(s.t).Patient(patience)
	s.room = s.story.Channel(channel)
}

// start starts the program on the same address, files and store as before.
func (s *stage) start(env ...string) {
	s.t.Helper()
	if s.as.process {
		s.startProcess(env)
	} else {
		s.startInside()
	}
	s.await("the program is ready", func() error {
		resp, err := http.Get(s.base + "/-/ready")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
}

func (s *stage) startInside() {
	s.t.Helper()
	load := func() (*configs.Config, error) {
		c, _, err := configs.Load(s.file, nil)
		if err == nil && s.as.edit != nil {
			s.as.edit(c)
		}
		return c, err
	}
	cfg, err := load()
	if err != nil {
		s.t.Fatal(err)
	}
	kept := s.openLog()
	log := slog.New(slog.NewTextHandler(io.MultiWriter(s.t.Output(), kept), nil))
	s.app, err = app.New(s.t.Context(), cfg, app.Options{Version: "e2e", Log: log, Load: load})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.app.Run(ctx) }()
	stopped := false
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := errors.Join(<-ended, kept.Close()); err != nil {
			s.t.Errorf("the program ended: %v", err)
		}
	}
}

// openLog keeps what the program logs, through all its lives.
func (s *stage) openLog() *os.File {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "pointsman.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	return log
}

func (s *stage) startProcess(env []string) {
	s.t.Helper()
	log := s.openLog()
	cmd := exec.Command(program(s.t), "serve", "--config", s.file)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, s.dir
	cmd.Env = append(os.Environ(), env...)
	if err := errors.Join(cmd.Start(), log.Close()); err != nil {
		s.t.Fatal(err)
	}
	s.cmd = cmd
	stopped := false
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may be dead already
		_ = cmd.Wait()
		if s.t.Failed() {
			text, _ := os.ReadFile(log.Name())
			s.t.Logf("log of the program:\n%s", text)
		}
	}
}

// killed waits until the program has killed itself.
func (s *stage) killed() {
	s.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	select {
	case err := <-ended:
		exit, ok := errors.AsType[*exec.ExitError](err)
		if status, _ := exit.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
			s.t.Fatalf("the program ended with %v, want SIGKILL", err)
		}
		s.stop = func() {}
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		s.t.Fatal("the program did not come to its failpoint")
	}
}

// openPager starts a PagerDuty.
func (s *stage) openPager() string {
	fake, err := pagerdutytest.New(pagerKey)
	if err != nil {
		s.t.Fatal(err)
	}
	s.pager = fake
	server := httptest.NewServer(fake)
	s.t.Cleanup(server.Close)
	return server.URL
}

// await polls a fact.
func (s *stage) await(what string, fact func() error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	if err := lab.Await(ctx, func(context.Context) error { return fact() }); err != nil {
		s.t.Fatalf("waiting until %s: %v\nThe channel says:\n%s", what, err, s.room.String())
	}
}

// cli runs the command line against the program and returns what it printed, and its exit code.
func (s *stage) cli(env []string, args ...string) (string, int) {
	s.t.Helper()
	cmd := exec.Command(program(s.t), args...)
	cmd.Dir = s.dir
	cmd.Env = append(append(os.Environ(), "POINTSMAN_SOCKET="+filepath.Join(s.dir, "pointsman.sock")), env...)
	out, err := cmd.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(out)), cmd.ProcessState.ExitCode()
}
