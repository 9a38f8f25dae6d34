package postgres

import (
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Sample is what is remembered of a cluster's primary. After its death nobody can know its last position exactly;
// the newest sample and the time at which it stopped answering bound what may be lost.
type Sample struct {
	Primary  string
	SystemID string
	Timeline int
	LSN      LSN
	At       time.Time // of LSN
	Rate     float64   // WAL bytes per second, the peak of the last minute; -1 until it was watched for a second
	Beat     time.Time // the newest heartbeat that the primary committed, by the store's clock
	Sync     string    // the standbys that commits waited for, joined with commas
	Trouble  string    // why the primary refused the newest heartbeat, where it answered
	// LostAt is when the primary was first seen stopped, else when it first did not answer. It stays, so that the same
	// situation gives the same figures.
	LostAt time.Time
	// Silent: after LostAt it may have gone on taking writes from others, until it was seen stopped at StoppedAt, or until now.
	Silent    bool      `json:",omitempty"`
	StoppedAt time.Time `json:",omitzero"`
	// Before is the primary before this one, seen to change at ChangedAt.
	Before    string
	ChangedAt time.Time

	peakAt   time.Time
	fromLSN  LSN // where the rate is being measured from, and since when
	fromAt   time.Time
	missedAt time.Time // the first question after At that was not answered
}

// Known reports whether a primary was ever seen.
func (s Sample) Known() bool { return s.Primary != "" }

// peakFor is how long a peak of the write rate counts, rateOver the least time it is measured over: looks may follow
// each other within milliseconds, and a rate over those is noise.
const (
	peakFor  = time.Minute
	rateOver = time.Second
)

// memory holds the newest sample of each cluster.
type memory struct {
	mu   sync.Mutex
	last map[string]Sample
	seen map[string]time.Time // when this process last learned something itself
	file string               // where it outlives the process; see Clusters.Keep
	log  *slog.Logger
	now  func() time.Time // the store's clock
}

func (m *memory) of(cluster string) Sample {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last[cluster]
}

// saw learns from a look and returns what is known after it. Every look is a sample too.
func (m *memory) saw(s Situation) Sample {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.last[s.Cluster.Name]
	writable := s.in(Writable)
	switch {
	case len(writable) == 1 && !s.ours(writable[0], known): // teaches nothing of this cluster
	case len(writable) == 1:
		known = known.next(writable[0])
	case len(writable) == 0 && known.Known() && s.reading(known.Primary).State.Gone():
		known = known.lost(s.reading(known.Primary).At, s.stoppedSomewhere(known.Primary))
	}
	if known.Known() { // two writers teach nothing, but that somebody still watches
		m.set(s.Cluster.Name, known)
	}
	return known
}

// ours reports whether the one writer is a server of the cluster that is known. An address may lead to another cluster's primary,
// where our role and our table are too; what was known would be lost, and the right nodes called wrong. A cluster that was built
// anew is believed where another of its nodes says the same.
func (s Situation) ours(w Reading, known Sample) bool {
	if w.SystemID == "" || w.SystemID == known.SystemID {
		return true
	}
	agree := 0
	for _, r := range s.Readings {
		switch {
		case r.Node == w.Node || r.SystemID == "":
		case r.SystemID != w.SystemID:
			return false
		default:
			agree++
		}
	}
	return known.SystemID == "" || agree > 0 || len(s.Cluster.Nodes) == 1
}

// is reports whether the sample was learned of the very server that answered.
func (s Sample) is(r Reading) bool { return s.Primary == r.Node && s.SystemID == r.SystemID }

// briefly is the longest silence before a server is seen stopped that is told as a part of the loss. Behind a longer one the
// figure could be nothing but the silence's length, and it would be asked for anew when the fence has stopped the server.
const briefly = 5 * time.Second

// lost is the sample after a look that did not find the primary alive. Silence alone does not tell that it takes no writes:
// its clients may still reach it.
func (s Sample) lost(at time.Time, stopped bool) Sample {
	if s.LostAt.IsZero() {
		s.LostAt, s.Silent = at, true
		if !s.missedAt.IsZero() {
			s.LostAt = s.missedAt
		}
	}
	if stopped && s.Silent && s.StoppedAt.IsZero() {
		s.StoppedAt = at
		if at.Sub(s.LostAt) <= briefly {
			s.LostAt, s.Silent, s.StoppedAt = at, false, time.Time{}
		}
	}
	return s
}

// stoppedSomewhere: one place proves that the server itself takes no writes, and no other sees that it may.
func (s Situation) stoppedSomewhere(node string) bool {
	return !s.answersAnywhere(node) && slices.ContainsFunc(s.sightings(node), func(v view) bool { return s.proves(node, v) })
}

// next is the sample after a healthy primary was read.
func (s Sample) next(r Reading) Sample {
	n := Sample{Primary: r.Node, SystemID: r.SystemID, Timeline: r.Timeline, LSN: r.LSN, At: r.At, Beat: r.Beat, Sync: r.Sync}
	if s.Primary != r.Node {
		if s.Known() {
			n.Before, n.ChangedAt = s.Primary, r.At
		}
		n.Rate, n.fromLSN, n.fromAt = -1, r.LSN, r.At
		return n
	}
	n.Before, n.ChangedAt, n.Trouble = s.Before, s.ChangedAt, s.Trouble
	n.Rate, n.peakAt = s.Rate, s.peakAt
	if s.Beat.After(n.Beat) {
		n.Beat = s.Beat
	}
	n.fromLSN, n.fromAt = s.fromLSN, s.fromAt
	if took := r.At.Sub(s.fromAt); took >= rateOver {
		now := float64(r.LSN.Beyond(s.fromLSN)) / took.Seconds()
		if now >= n.Rate || r.At.Sub(n.peakAt) > peakFor {
			n.Rate, n.peakAt = now, r.At
		}
		n.fromLSN, n.fromAt = r.LSN, r.At
	}
	return n
}

// beat records the outcome of a heartbeat.
func (m *memory) beat(cluster, node string, at time.Time, trouble string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.last[cluster]
	if s.Primary != node {
		return
	}
	if trouble == "" {
		s.Beat = at
	}
	s.Trouble = trouble
	m.set(cluster, s)
}

// missed records when a question was asked that was never answered: a hung server is noticed seconds after it hung.
func (m *memory) missed(cluster, node string, asked time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.last[cluster]; s.Primary == node && s.missedAt.IsZero() {
		s.missedAt = asked
		m.set(cluster, s)
	}
}
