package commstest

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/pointsman/pointsman"
)

// attendant is a follower whose deliveries go with their events.
type attendant struct {
	plan  func(pointsman.Logged) ([]pointsman.Delivery, bool)
	begin func() (owner string, told func(upTo int64, leased []pointsman.Delivery))
}

// Attend plans with each Note for a follower that stands at the log's end.
func (m *Memory) Attend(follower string, plan func(pointsman.Logged) ([]pointsman.Delivery, bool),
	begin func() (owner string, told func(upTo int64, leased []pointsman.Delivery)),
) (leave func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.Late {
		m.present[follower] = attendant{plan, begin}
	}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.present, follower)
	}
}

// attend plans the events after the given one and returns what to tell of it.
func (m *Memory) attend(before int64) (told []func()) {
	for _, follower := range slices.Sorted(maps.Keys(m.present)) {
		a := m.present[follower]
		if m.cursors[follower] != before {
			continue
		}
		planned := map[int64][]pointsman.Delivery{}
		all := true
		for _, ev := range m.log[before:] {
			ds, ok := a.plan(ev)
			planned[ev.Seq], all = ds, all && ok
		}
		if !all {
			continue
		}
		owner, tell := a.begin()
		var rows []*Row
		for _, ev := range m.log[before:] {
			for _, d := range planned[ev.Seq] {
				rows = append(rows, m.insert(follower, ev, d))
			}
		}
		m.cursors[follower] = int64(len(m.log))
		leased := m.leaseUrgent(rows, owner)
		upTo := int64(len(m.log))
		told = append(told, func() { tell(upTo, leased) })
	}
	return told
}

func (m *Memory) leaseUrgent(rows []*Row, owner string) (leased []pointsman.Delivery) {
	for _, r := range rows {
		head := !slices.ContainsFunc(m.rows, func(o *Row) bool {
			return o.Follower == r.Follower && o.Lane == r.Lane && o.State == "pending" && o.ID < r.ID
		})
		if owner == "" || r.Class != pointsman.Urgent || r.State != "pending" || !head || r.DueAt.After(time.Now()) {
			continue
		}
		r.owner, r.until = owner, time.Now().Add(cmp.Or(m.Lease, defaultLease))
		r.Attempts++
		leased = append(leased, r.Delivery)
	}
	return leased
}
