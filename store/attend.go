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
// newest event that is planned now, and with what was leased. A transaction that is under way when leave is called may still
// ask and tell afterwards.
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

// attending are the attendants in one transaction.
type attending struct {
	all    []*attendance
	before int64     // the number before the first of their deliveries
	now    time.Time // by the clock of leases
}

type attendance struct {
	follower string
	planned  []pointsman.Delivery // Seq counts from the transaction's first event until that has its own
	owner    string
	told     func(upTo int64, leased []pointsman.Delivery)
	there    bool // it stood at the log's end
	leased   []pointsman.Delivery
}

// attend plans the deliveries of a transaction's events. They are read from their stored form, as Follow would.
func (s *Store) attend(bodies [][]byte) (who attending) {
	s.mu.Lock()
	all := s.attendants
	s.mu.Unlock()
	if len(bodies) > attendedMost || len(all) == 0 {
		return attending{}
	}
	events := make([]pointsman.Logged, len(bodies))
	for i, body := range bodies {
		if json.Unmarshal(body, &events[i].Event) != nil {
			return attending{} // Follow says what is wrong with it
		}
	}
	for _, a := range all {
		if planned, ok := a.planAll(events); ok {
			at := &attendance{follower: a.follower, planned: planned}
			at.owner, at.told = a.begin()
			who.all = append(who.all, at)
		}
	}
	return who
}

// wait leases nothing: whoever looks next finds the deliveries, and in place of two edits only the newer one.
func (a *attending) wait() {
	for _, at := range a.all {
		at.owner = ""
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
// stood at the end moves along, and the deliveries get numbers. For PostgreSQL it is one trip for all.
func (a *attending) places(b *batch, events int64, now time.Time, leaseSQL string) {
	count := int64(0)
	for _, at := range a.all {
		count += int64(len(at.planned))
		b.query(func(r Row) error {
			at.there = true
			return r.Scan(new(int64))
		}, `UPDATE cursors SET seq = seq + $1 WHERE follower = $2 AND seq = (SELECT seq FROM log_head WHERE id = 1) - $1 RETURNING seq`, events, at.follower)
	}
	if count == 0 {
		return
	}
	b.query(func(r Row) error {
		err := r.Scan(&a.before)
		a.before -= count
		return err
	}, numberDeliveries, count)
	a.now = now
	if leaseSQL != "" {
		b.query(func(r Row) error {
			var n int64
			err := r.Scan(&n)
			if t := fromMicros(n); t.After(now) { // they are due as of this transaction, whatever the other clock says
				a.now = t
			}
			return err
		}, leaseSQL)
	}
}

// post adds the deliveries of those who stood at the log's end, which was at the given entry; the numbers of the others
// stay free.
func (a *attending) post(b *batch, end int64, now time.Time, lease time.Duration) {
	number := a.before
	for _, at := range a.all {
		if !at.there || len(at.planned) == 0 {
			continue
		}
		for i := range at.planned {
			at.planned[i].Seq += end + 1
		}
		b.post(at.planned, number, now)
		number += int64(len(at.planned))
		if at.owner != "" {
			b.take(&at.leased, at.follower, end, at.owner, a.now, lease)
		}
	}
}

// tell hands out what was leased, after the commit, and with it the incident that the transaction opened.
func (a *attending) tell(upTo int64, opened *pointsman.State) {
	for _, at := range a.all {
		if at.there {
			inOrder(at.leased)
			for i, d := range at.leased {
				if opened != nil && d.Incident == opened.Incident.ID {
					at.leased[i].Opened = opened
				}
			}
			at.told(upTo, at.leased)
		}
	}
}
