package store

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/pointsman/pointsman"
)

// attendant is a follower of this process whose deliveries go into the transactions of their events.
type attendant struct {
	follower string
	plan     func(pointsman.Logged) ([]pointsman.Delivery, bool)
	begin    func() (owner string, told func(upTo int64, leased []pointsman.Delivery))
}

// attendedMost bounds the events of a transaction whose deliveries go into it: nobody else may append meanwhile.
const attendedMost = 100

// Attend stores the deliveries of a follower in the transactions of their events, so that a card waits for one commit
// and not for two. It does so while the follower stands at the log's end; the rest is left to Follow: what other
// processes commit, what was there before, what is too much at once.
//
// plan is Follow's, but the event has no Seq yet, and false leaves the transaction's events to Follow. begin is asked in
// each transaction who leases the urgent deliveries, an empty owner nobody; told is called after the commit with the
// newest event that is planned now, and with what was leased. Nothing is begun after leave has returned, but what was
// begun before may be told later.
func (s *Store) Attend(follower string, plan func(pointsman.Logged) ([]pointsman.Delivery, bool),
	begin func() (owner string, told func(upTo int64, leased []pointsman.Delivery)),
) (leave func()) {
	a := &attendant{follower, plan, begin}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attendants = append(slices.Clone(s.attendants), a)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.attendants = slices.DeleteFunc(slices.Clone(s.attendants), func(other *attendant) bool { return other == a })
	}
}

// attendance is an attendant in one transaction.
type attendance struct {
	follower string
	planned  []pointsman.Delivery // Seq counts from the transaction's first event until that has its own
	owner    string
	told     func(upTo int64, leased []pointsman.Delivery)
	there    bool // it stood at the log's end
	leased   []pointsman.Delivery
}

// attend plans the deliveries of a transaction's events. They are read from their stored form, as Follow would.
func (s *Store) attend(w *work, bodies [][]byte) {
	s.mu.Lock()
	all := s.attendants
	s.mu.Unlock()
	if w.mends || len(bodies) > attendedMost || len(all) == 0 {
		return
	}
	events := make([]pointsman.Logged, len(bodies))
	for i, body := range bodies {
		if json.Unmarshal(body, &events[i].Event) != nil {
			return // Follow says what is wrong with it
		}
	}
	for _, a := range all {
		if planned, ok := a.planAll(events); ok {
			at := &attendance{follower: a.follower, planned: planned}
			at.owner, at.told = a.begin()
			w.attending = append(w.attending, at)
		}
	}
}

func (a *attendant) planAll(events []pointsman.Logged) (planned []pointsman.Delivery, ok bool) {
	for i, ev := range events {
		ds, ok := a.plan(ev)
		if !ok {
			return nil, false
		}
		ev.Seq = int64(i)
		for _, d := range ds {
			planned = append(planned, addressed(d, a.follower, ev))
		}
	}
	return planned, true
}

// places adds to the statements that take places at the log's end those that the deliveries need: each follower that
// stood at the end moves along, and the deliveries get numbers. It is one trip to PostgreSQL for all.
func (s *Store) places(b *batch, w *work, events int64) (last *int64, now *time.Time) {
	last, now = new(int64), &w.now
	count := 0
	for _, at := range w.attending {
		count += len(at.planned)
		b.query(func(r Row) error {
			at.there = true
			return r.Scan(new(int64))
		}, `UPDATE cursors SET seq = seq + $1 WHERE follower = $2 AND seq = (SELECT seq FROM log_head WHERE id = 1) - $1 RETURNING seq`, events, at.follower)
	}
	if count == 0 {
		return last, now
	}
	b.query(func(r Row) error {
		defer func() { *last -= int64(count) }()
		return r.Scan(last)
	}, numberDeliveries, int64(count))
	if s.db.leaseSQL != "" {
		leased := new(time.Time)
		b.query(func(r Row) error {
			var n int64
			err := r.Scan(&n)
			if *leased = fromMicros(n); leased.Before(w.now) {
				*leased = w.now
			}
			return err
		}, s.db.leaseSQL)
		now = leased
	}
	return last, now
}

// post adds the deliveries of those who stood at the log's end; the numbers of the others stay free.
func (s *Store) post(b *batch, w *work, before, last int64, now time.Time) {
	for _, at := range w.attending {
		if !at.there || len(at.planned) == 0 {
			continue
		}
		for i := range at.planned {
			at.planned[i].Seq += before + 1
		}
		b.post(at.planned, last, w.now)
		last += int64(len(at.planned))
		if at.owner != "" {
			b.take(&at.leased, at.follower, before, at.owner, now, s.deliveryLease)
		}
	}
}

// tell hands out what was leased, after the commit.
func (w *work) tell() {
	for _, at := range w.attending {
		if at.there {
			inOrder(at.leased)
			at.told(w.end.Seq, at.leased)
		}
	}
}
