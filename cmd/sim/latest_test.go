package sim

import (
	"slices"
	"time"

	"github.com/pointsman/pointsman"
)

// remember keeps the newest state of an incident, as the store answered it: people look at it, and the loops need not
// ask the store for what cannot be there.
func (w *world) remember(st pointsman.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.replicas {
		if !w.strikes(20, "notice lost", r.name) {
			r.notify()
		}
	}
	if i := slices.IndexFunc(w.latest, func(s pointsman.State) bool { return s.Incident.ID == st.Incident.ID }); i >= 0 {
		w.latest[i] = st
		return
	}
	w.latest = append(w.latest, st)
}

func (w *world) seen() []pointsman.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.latest)
}

func (w *world) any(holds func(pointsman.State) bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.latest, holds)
}

// needsWorker says that a run is neither at its end nor parked.
func (w *world) needsWorker() bool {
	return w.any(func(s pointsman.State) bool {
		return slices.ContainsFunc(s.Runs, func(r pointsman.Run) bool { return !r.State.Terminal() && r.State != pointsman.RunParked })
	})
}

func (w *world) awaitsChecks() bool {
	return w.any(func(s pointsman.State) bool {
		return slices.ContainsFunc(s.Proposals, func(p pointsman.Proposal) bool { return p.State == pointsman.ProposalChecking })
	})
}

func (w *world) due(now time.Time) bool {
	return w.any(func(s pointsman.State) bool {
		at := s.Due()
		return !at.IsZero() && !at.After(now)
	})
}
