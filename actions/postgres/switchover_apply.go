package postgres

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Apply implements actions.Action. What takes time and needs no pause comes first. From the pause on the clock runs:
// whatever happens, clients go on when hold is over. An attempt that was interrupted is gone on with from where it is.
func (a Switchover) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	w, kept, err := a.switching(ctx, in, asking{hook: true, fresh: true})
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	closeAll(kept)
	if no := pointsman.Refusals(w.judge().Facts); len(no) > 0 {
		return actions.Outcome{}, &actions.RefusedError{Facts: no}
	}
	if w.stage == stageBefore {
		w.settle(ctx, in.Log)
	}
	in.Pins = map[string]string{"old_primary": w.old, "candidate": w.candidate}
	for _, v := range w.views {
		in.Pins[poolerPin(v.pooler)] = w.journey.expected(v.pooler, v).String()
	}
	if w, kept, err = a.switching(ctx, in, asking{hook: true, fresh: true}); err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	defer closeAll(kept)
	if no := pointsman.Refusals(w.judge().Facts); len(no) > 0 {
		return actions.Outcome{}, &actions.RefusedError{Facts: no}
	}
	s := &swapping{switching: w, conn: kept[w.candidate], in: in, attempt: rand.Text()}
	s.memo = SwitchoverMemo{Old: w.old, Candidate: w.candidate, SystemID: w.reading(w.candidate).SystemID, Timeline: w.reading(w.candidate).Timeline}
	if w.stage == stageAfter {
		s.memo.Timeline = 0 // it is the new one already
		s.memo.Final, s.memo.Fork = provenBefore(in, s.memo)
	}
	if err := s.memo.remember(in); err != nil {
		return actions.Outcome{}, actions.Refuse("what is about to be done could not be stored, so nothing was done: %v", err)
	}
	return s.run(ctx)
}

// settle has the old primary write what is in its memory, while nobody waits: its shutdown writes a checkpoint too, which
// then has little left. Without the right, or without the time, it is only slower, and hold bounds that.
func (w switching) settle(ctx context.Context, log *slog.Logger) {
	if deadline, ok := ctx.Deadline(); ok { // the next look, the hold and the way back need theirs
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-w.times.hold-2*w.Cluster.ReadTimeout-inspectWait-reserve))
		defer cancel()
	}
	n, _ := w.Cluster.node(w.old)
	conn, err := n.connect(ctx, "")
	if err == nil {
		_, err = conn.Exec(ctx, "CHECKPOINT")
		discard(conn)
	}
	if err != nil && log != nil {
		log.Warn("no checkpoint before the pause", "node", w.old, "err", scrubbed(err, nil))
	}
}

func closeAll(conns map[string]*pgx.Conn) {
	for _, conn := range conns {
		discard(conn)
	}
}

// swapping is one attempt from the pause on.
type swapping struct {
	switching
	conn *pgx.Conn // to the candidate, opened before anybody waits
	in   actions.Input
	memo SwitchoverMemo

	recording sync.WaitGroup
	attempt   string // by which the node hook tells this stop and its way back from those of other attempts
}

// switchNudge is sooner than nudgeEvery: clients wait, and right after the old primary's shutdown the candidate's startup
// process is often asleep; the reload that wakes it costs little on a server that nobody writes to.
const switchNudge = 20 * time.Millisecond

// remember stores the memo before an effect, so that a successor knows what was under way.
func (m SwitchoverMemo) remember(in actions.Input) error {
	if in.Remember == nil {
		return nil
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return in.Remember(raw, fmt.Sprintf("switching over from %s to %s", m.Old, m.Candidate))
}

// provenBefore are the positions that an earlier attempt between the same two has on record; after the promotion nobody can ask.
func provenBefore(in actions.Input, m SwitchoverMemo) (final, fork string) {
	var earlier SwitchoverMemo
	if json.Unmarshal(in.Earlier, &earlier) != nil || earlier.Old != m.Old || earlier.Candidate != m.Candidate {
		return "", ""
	}
	return earlier.Final, earlier.Fork
}

// record stores that nothing is lost beside the promotion, because clients wait and the store may hang. The promotion does not
// depend on it: without it, after a crash, the positions are only not on record.
func (s *swapping) record() {
	proof := SwitchoverMemo{Old: s.memo.Old, Candidate: s.memo.Candidate, SystemID: s.memo.SystemID, Timeline: s.memo.Timeline, Final: s.memo.Final, Fork: s.memo.Fork}
	s.recording.Go(func() {
		if err := proof.remember(s.in); err != nil && s.in.Log != nil {
			s.in.Log.Warn("the positions at the switch are not on record yet", "err", err)
		}
	})
}

// run pauses, swaps and resumes. It is not cut off with ctx: half a switchover is worse than a late one, and hold and
// the step's deadline bound it. Clients go on when hold is over, whatever is still under way then: the way back, a hook
// that does not end, a file that cannot be written.
func (s *swapping) run(ctx context.Context) (actions.Outcome, error) {
	limit := s.times.hold
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline) - reserve
		if left < limit && s.stage == stageBefore {
			return actions.Outcome{}, actions.Refuse("%s of the step's time are left, to switch over and to take it back again needs hold, %s; nothing was done",
				pointsman.Span(max(left, 0)), pointsman.Span(limit))
		}
		limit = min(limit, left) // clients wait already, and are not left so
	}
	if limit < s.times.wait || ctx.Err() != nil {
		return actions.Outcome{}, actions.Refuse("too little of the step's time is left to switch over; nothing was done")
	}
	began := time.Now()
	held, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit-limit/20) // the rest is for the RESUME
	defer cancel()
	if err := s.journey.hold(held, s.times.wait); err != nil {
		if s.stage == stageBefore && !errors.Is(err, errMayWait) {
			return actions.Outcome{}, actions.Refuse("nothing was switched, and clients go on: %v", err)
		}
		return actions.Outcome{}, err
	}
	served := make(chan error, 1)
	context.AfterFunc(held, func() {
		err := s.journey.release(ctx)
		s.memo.HeldMS = time.Since(began).Milliseconds()
		served <- err
	})
	err := s.swap(ctx, held)
	cancel() // they go on now, if they do not since hold is over
	err = errors.Join(err, <-served)
	s.recording.Wait() // nobody waits any more, and the last word is the memo's
	note := "clients waited at most " + pointsman.Span(time.Duration(s.memo.HeldMS)*time.Millisecond)
	if err == nil {
		note = s.candidate + " is primary; " + note
	}
	out, merr := s.memo.outcome(note)
	return out, errors.Join(err, merr)
}

// swap is what happens while clients wait.
func (s *swapping) swap(ctx, held context.Context) error {
	if s.stage != stageAfter {
		// Also where it was stopped before: what an interrupted attempt had begun may have started it since the look, and
		// the hook's lock is the only thing that orders the two on its machine.
		if err := s.stop(held); err != nil {
			return errors.Join(err, s.back(ctx))
		}
		s.record()
		if err := s.promote(held); err != nil {
			return err
		}
	}
	for _, v := range s.views {
		if err := v.move(held, s.journey); err != nil {
			return fmt.Errorf("lead %s to %s: %w", v.pooler.Name, s.candidate, err)
		}
	}
	return nil
}

func (s *swapping) promote(held context.Context) error {
	if _, err := promoteNudging(held, s.conn, s.in.Log, switchNudge); err != nil {
		// Not wrapped: that nothing was sent is true of this part alone. Clients are held, and the old primary is stopped.
		return fmt.Errorf("promote %s: %s", s.candidate, err.Error())
	}
	return nil
}

// stop shuts the old primary down and waits until the candidate has all of it. It may take two thirds of what is left of
// the hold: the rest is for the promotion, or for the way back.
func (s *swapping) stop(held context.Context) error {
	until, _ := held.Deadline()
	ctx, cancel := context.WithTimeout(held, time.Until(until)*2/3)
	defer cancel()
	got, err := s.task(nodeStop).run(ctx)
	if err != nil {
		return err
	}
	final, err := ParseLSN(got["checkpoint_lsn"])
	if err != nil || final == 0 || got["state"] != "shut down" {
		return fmt.Errorf("%s was not shut down in order: its control file says %q, checkpoint %q", s.old, got["state"], got["checkpoint_lsn"])
	}
	tick := time.NewTicker(promotePoll)
	defer tick.Stop()
	for text := ""; ; {
		if err := s.conn.QueryRow(ctx, "SELECT coalesce(pg_last_wal_replay_lsn()::text, '')").Scan(&text); err != nil && ctx.Err() == nil {
			return fmt.Errorf("what %s has cannot be told: %w", s.candidate, scrubbed(err, nil))
		}
		// Replay is the end of the last whole record, so beyond the begin of the very last one it is complete.
		if at, err := ParseLSN(text); err != nil {
			return err
		} else if at > final {
			s.memo.Final, s.memo.Fork = final.String(), at.String()
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s has replayed up to %s, the last record of %s begins at %s: %w", s.candidate, text, s.old, final, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// task is a step of the node hook on the old primary.
func (s *swapping) task(step string) nodeTask {
	return nodeTask{step: step, cluster: s.Cluster, node: s.old, attempt: s.attempt, clock: s.found.clock}
}
