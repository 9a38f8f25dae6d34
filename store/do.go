package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pointsman/pointsman"
)

// Do carries out one command in one transaction: it loads the state that the command speaks of under its lock, lets
// pointsman.Decide decide, and writes what changed, the events and the answer together. The error is not nil only when
// nothing could be decided: the store cannot be reached, or an engine's write comes from a lease that another has
// taken over (CodeConflict). After an error the caller does not know whether the command was carried out; every
// command may be given again.
func (s *Store) Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	var res pointsman.Result
	var done *work
	err := s.transact(ctx, func(w *work) (err error) {
		done = w
		res, err = s.decide(ctx, w, cmd)
		return err
	})
	if err != nil && s.db.unique(err) {
		// Three times in a row somebody else took the place that this command wanted.
		return pointsman.Result{Answer: pointsman.Answer{Code: pointsman.CodeLocked, Text: "another request was first; look again and repeat it if it is still wanted"}}, nil
	}
	if err != nil {
		return pointsman.Result{}, fmt.Errorf("%T: %w", cmd, err)
	}
	res.Seq = done.seq
	return res, nil
}

func (s *Store) decide(ctx context.Context, w *work, cmd pointsman.Command) (pointsman.Result, error) {
	w.about = cmd
	sub := cmd.Subject()
	l, err := s.load(ctx, w, sub)
	if errors.Is(err, errAbsent) {
		return pointsman.Result{Answer: absent(sub)}, nil
	}
	if err != nil {
		return pointsman.Result{}, err
	}
	if l.answered != nil {
		return pointsman.Result{Answer: *l.answered, State: l.state}, nil
	}
	after, events, ans := pointsman.Decide(l.state, cmd, w.now)
	if ans, clash, err := s.twin(ctx, w, l, after); clash || err != nil {
		return pointsman.Result{Answer: ans, State: l.state}, err
	}
	if after.Incident.State == "" {
		unopened(events)
	}
	if err := w.save(change{l, after}); err != nil {
		return pointsman.Result{}, err
	}
	if err := s.engage(w, l, after); err != nil {
		return pointsman.Result{}, err
	}
	w.events, w.opened = events, l.opened(after)
	if sub.Once != "" {
		w.writes.one(`INSERT INTO seen (once, at, code, answer, subject) VALUES ($1, $2, $3, $4, $5)`,
			indexed(sub.Once), micros(w.now), string(ans.Code), ans.Text, ans.ID)
	}
	return pointsman.Result{Answer: ans, State: after}, nil
}

// unopened takes the incident out of events: it was not opened, and its number goes to the next one.
func unopened(events []pointsman.Event) {
	for i := range events {
		events[i].Incident = ""
	}
}

func absent(sub pointsman.Subject) pointsman.Answer {
	switch {
	case sub.Run != "":
		return pointsman.Answer{Code: pointsman.CodeNotFound, Text: "there is no run " + sub.Run}
	case sub.Incident != "":
		return pointsman.Answer{Code: pointsman.CodeNotFound, Text: "there is no incident " + sub.Incident}
	}
	return pointsman.Answer{Code: pointsman.CodeInvalid, Text: "the request names no incident"}
}

// twin refuses to reopen an incident while a younger one of the same key is open: one outage is one incident.
func (s *Store) twin(ctx context.Context, w *work, l *loaded, after pointsman.State) (pointsman.Answer, bool, error) {
	if l.state.Incident.State != pointsman.IncidentResolved || after.Incident.State != pointsman.IncidentOpen {
		return pointsman.Answer{}, false, nil
	}
	var other string
	err := w.QueryRow(ctx, `SELECT id FROM incidents WHERE key = $1 AND state = 'open' AND id <> $2`,
		indexed(after.Incident.Key), after.Incident.ID).Scan(&other)
	if errors.Is(err, sql.ErrNoRows) {
		return pointsman.Answer{}, false, nil
	}
	return pointsman.Answer{
		Code: pointsman.CodeConflict, ID: other,
		Text: fmt.Sprintf("%s is the same outage as %s and is open; use %s", other, after.Incident.ID, other),
	}, true, err
}
