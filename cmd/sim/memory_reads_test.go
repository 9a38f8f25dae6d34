package sim

import (
	"context"
	"slices"
	"time"

	"github.com/pointsman/pointsman"
)

func (m *memory) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

func (m *memory) Checking(context.Context, string) ([]pointsman.Proposal, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []pointsman.Proposal
	for _, s := range m.states {
		for _, p := range s.Proposals {
			if p.State == pointsman.ProposalChecking {
				out = append(out, p)
			}
		}
	}
	return out, "", nil
}

func (m *memory) DueIncidents(_ context.Context, now time.Time, limit int) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, s := range m.states {
		if due := s.Due(); !due.IsZero() && !due.After(now) && len(out) < limit {
			out = append(out, s.Incident.ID)
		}
	}
	return out, nil
}

func (m *memory) State(_ context.Context, incident string) (pointsman.State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.states {
		if s.Incident.ID == incident {
			return *s, nil
		}
	}
	return pointsman.State{}, pointsman.Errorf(pointsman.CodeNotFound, "there is no incident %s", incident)
}

func (m *memory) Incidents(context.Context, bool, int) ([]pointsman.Incident, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []pointsman.Incident
	for _, s := range m.states {
		out = append(out, s.Incident)
	}
	return out, nil
}

func (m *memory) Events(context.Context, string, int64, int) ([]pointsman.Logged, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.events), nil
}

func (m *memory) Close() error { return nil }
