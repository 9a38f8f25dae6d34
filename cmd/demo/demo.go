// Package demo tells the main story on this machine with real servers: a PostgreSQL primary dies, Alertmanager says
// so, a card asks for approval, the standby is promoted and takes a verified write, and the record proves it. Only
// Slack is a stand-in, with a web page that shows the channel.
package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
	"github.com/pointsman/pointsman/cmd/lab"
	"github.com/pointsman/pointsman/store/audit"
)

// Options say how the story is told.
type Options struct {
	Auto    bool   // nobody is asked: it kills, clicks and ends by itself
	Pages   string // folder for the pages of which screenshots are made; empty for none
	Export  string // folder to make for the audit export
	Version string
	In      io.Reader
	Out     io.Writer
}

// Run tells the story and stops everything it started, also when the context ends in the middle. It returns nil only
// if the new primary took a verified write and the record is intact.
func Run(ctx context.Context, o Options) (err error) {
	s := &show{Options: o, began: time.Now(), lines: make(chan struct{})}
	defer func() {
		if ctx.Err() != nil {
			err = errors.New("stopped before the end of the story")
		}
		s.say("Stopping everything that was started.")
		err = errors.Join(err, s.close())
	}()
	go s.listen()
	if err := s.setTheStage(ctx); err != nil {
		return err
	}
	err = s.tell(ctx)
	switch {
	case ctx.Err() != nil || err != nil && o.Auto || errors.Is(err, errNobody):
		return err
	case err != nil:
		s.say("The story ends here: %v.", err)
	default:
		s.say("Done in %s.", pointsman.Span(time.Since(s.began)))
	}
	if !o.Auto {
		err = errors.Join(err, s.prompt(ctx, "Everything is still running: look around. Press Enter to stop it."))
	}
	return err
}

// show is one telling.
type show struct {
	Options
	began time.Time
	stage stage
	card  fakeslack.Message // of the incident, in the channel
	lines chan struct{}     // one for each Enter; closed where nobody is there to press it
}

func (s *show) say(format string, args ...any) {
	fmt.Fprintf(s.Out, "%5.1fs  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

// listen passes an Enter on to the prompt that stands; one pressed too early must not answer a later prompt.
func (s *show) listen() {
	defer close(s.lines)
	in := bufio.NewScanner(s.In)
	for in.Scan() {
		select {
		case s.lines <- struct{}{}:
		default:
		}
	}
}

var errNobody = errors.New("nobody is there to press Enter, the input has ended; DEMO_AUTO=1 tells the story without asking")

func (s *show) prompt(ctx context.Context, text string) error {
	s.say("%s", text)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case _, ok := <-s.lines:
		if !ok {
			return errNobody
		}
		return nil
	}
}

// tell plays the acts.
func (s *show) tell(ctx context.Context) error {
	st := &s.stage
	s.say("The channel: %s", st.slackURL)
	if err := s.business(ctx); err != nil {
		return err
	}
	if s.Auto {
		s.say("Killing the primary %s with SIGKILL.", st.pair.Primary.Name)
	} else if err := s.prompt(ctx, "Open that page, then press Enter to kill the primary."); err != nil {
		return err
	}
	killed := time.Now()
	if err := st.pair.KillPrimary(); err != nil {
		return err
	}
	id, err := s.proposed(ctx)
	if err != nil {
		return err
	}
	s.say("A card with evidence is in the channel, %s after the kill.", pointsman.Span(time.Since(killed)))
	if err := s.approved(ctx, id); err != nil {
		return err
	}
	run, err := s.carriedOut(ctx, id)
	if err != nil {
		return err
	}
	s.say("%s: %s", run.ID, run.Note)
	for i, step := range run.Steps {
		line := fmt.Sprintf("  step %d, %s: %s in %s", i+1, step.Summary, step.State, pointsman.Span(step.EndedAt.Sub(step.StartedAt)))
		if step.Note != "" {
			line += ", " + step.Note
		}
		s.say("%s", line)
	}
	if err := s.provenByOurselves(ctx); err != nil {
		return err
	}
	if err := s.resolved(ctx, id); err != nil {
		return err
	}
	return s.exported(ctx, id)
}

// await waits for a state of the incident, at most for the given time.
func (s *show) await(ctx context.Context, id, what string, most time.Duration, ok func(pointsman.State) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for {
		changed := s.stage.app.Store().Changed()
		st, err := s.stage.app.Store().State(ctx, id)
		if err == nil {
			if done, err := ok(st); done || err != nil {
				return err
			}
		}
		select {
		case err := <-s.stage.ended:
			return fmt.Errorf("pointsman ended: %w", err)
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("%s did not come within %s; the channel's page and Pointsman's log say why", what, pointsman.Span(most))
			}
			return ctx.Err()
		case <-changed:
		case <-time.After(time.Second):
		}
	}
}

// firstIncident is the id that the first incident of a new store gets.
const firstIncident = "INC-1"

func (s *show) proposed(ctx context.Context) (string, error) {
	err := s.await(ctx, firstIncident, "the proposal", time.Minute, func(st pointsman.State) (bool, error) {
		ranked := pointsman.Ranked(st.Proposals)
		return len(ranked) > 0 && ranked[0].State == pointsman.ProposalReady && ranked[0].Runbook == "postgres-failover", nil
	})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, inSlack)
	defer cancel()
	if s.card, err = s.stage.slack.Channel(channel).WaitMessage(ctx, firstIncident, "Approve"); err != nil {
		return "", fmt.Errorf("wait for the card in the channel: %w", err)
	}
	return firstIncident, s.page("card", false)
}

// business lets the customers buy for a moment: what was seen of a healthy primary is what says, once it is dead, how
// much may be lost.
func (s *show) business(ctx context.Context) error {
	const enough = 250
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for s.stage.customers.written.Load() < enough {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	s.say("Customers have written %d orders through the clients' address.", s.stage.customers.written.Load())
	return nil
}

// approved waits for people, or clicks as them: as one more where the plan has a risk that a second person accepts.
func (s *show) approved(ctx context.Context, id string) error {
	if !s.Auto {
		s.say("Click Approve on the card as Ana or Ben. (Eve may not; try it.)")
	}
	voted := 0
	return s.await(ctx, id, "the approval", time.Hour, func(st pointsman.State) (bool, error) {
		p := pointsman.Ranked(st.Proposals)[0]
		for _, d := range st.Proposals {
			if d.State == pointsman.ProposalDenied && len(st.Runs) == 0 {
				return false, fmt.Errorf("%s was denied by %s, so nothing ran", d.ID, d.DecidedBy)
			}
		}
		if len(st.Runs) > 0 || !s.Auto || len(p.Votes) < voted || voted == len(approvers) {
			return len(st.Runs) > 0, nil
		}
		who := approvers[voted]
		voted++
		s.say("Clicking Approve as %s (plan %s, needs %s).", who.name, pointsman.ShortDigest(p.Digest), p.Policy)
		return false, s.stage.click(ctx, who.id, "Approve")
	})
}

// approvers are the people of the demo who may approve.
var approvers = []struct{ id, name string }{{"U0ANA", "Ana Ruiz"}, {"U0BEN", "Ben Okafor"}}

func (s *show) carriedOut(ctx context.Context, id string) (pointsman.Run, error) {
	var run pointsman.Run
	err := s.await(ctx, id, "the end of the run", 2*time.Minute, func(st pointsman.State) (bool, error) {
		run = st.Runs[len(st.Runs)-1]
		if run.State == pointsman.RunParked || run.State == pointsman.RunVoided {
			return false, fmt.Errorf("%s is %s: %s", run.ID, run.State, run.Note)
		}
		return run.State == pointsman.RunDone, nil
	})
	return run, err
}

// provenByOurselves does not take Pointsman's word: the demo itself writes to the new primary.
func (s *show) provenByOurselves(ctx context.Context) error {
	var standby bool
	var timeline string
	dsn := s.stage.pair.Standby.DSN(lab.App, lab.AppDatabase)
	if err := ask(ctx, dsn, `SELECT pg_is_in_recovery(), substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)`, &standby, &timeline); err != nil {
		return fmt.Errorf("ask the new primary: %w", err)
	}
	var order int64
	if err := ask(ctx, dsn, `INSERT INTO orders (item) VALUES ('the first ticket after the failover') RETURNING id`, &order); err != nil {
		return fmt.Errorf("write to the new primary: %w", err)
	}
	s.say("%s is primary on timeline %s and took order %d. Customers: %d orders written, %d attempts failed meanwhile.",
		s.stage.pair.Standby.Name, strings.TrimLeft(timeline, "0"), order, s.stage.customers.written.Load(), s.stage.customers.failed.Load())
	return nil
}

// inSlack bounds the wait for what the store knows already: Slack takes about one message a second for a channel.
const inSlack = time.Minute

// resolved waits for the end of the alerts, and until everybody in the channel can read it.
func (s *show) resolved(ctx context.Context, id string) error {
	err := s.await(ctx, id, "the end of the incident", 2*time.Minute, func(st pointsman.State) (bool, error) {
		return st.Incident.State == pointsman.IncidentResolved, nil
	})
	if err != nil {
		return err
	}
	s.say("%s is resolved. Waiting until Slack shows it; it takes about one message a second.", id)
	ctx, cancel := context.WithTimeout(ctx, inSlack)
	defer cancel()
	if _, err := s.card.WaitReply(ctx, id+" resolved after"); err != nil {
		return fmt.Errorf("wait for the summary in the thread: %w", err)
	}
	if s.card, err = s.card.WaitText(ctx, "Resolved"); err != nil {
		return fmt.Errorf("wait for the card to say that it is resolved: %w", err)
	}
	return errors.Join(s.page("resolved", false), s.page("resolved-thread", true))
}

// exported leaves the record and has it verified as anybody could, without the server.
func (s *show) exported(ctx context.Context, id string) error {
	path := filepath.Join(s.Export, fmt.Sprintf("%s-audit-%s.zip", id, s.began.UTC().Format("20060102-150405.000")))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(s.stage.app.Exporter().Export(ctx, f, id, nil), f.Close()); err != nil {
		return err
	}
	report, err := audit.VerifyPath(path, audit.Trust{Keys: []string{s.stage.app.Exporter().Key.Public}})
	if err != nil {
		return err
	}
	if report.ExitCode() != 0 {
		return errors.Join(errors.New("the audit export does not verify"), report.Write(s.Out))
	}
	s.say("The record of %s, %d entries, is intact: %s", id, report.Entries, path)
	s.say("Check it yourself: bin/pointsman audit verify %s", path)
	return nil
}
