package comms

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/pointsman/pointsman"
)

// lost is something that will not be said unless a person sees to it.
type lost struct {
	delivery pointsman.Delivery
	why      string
}

// lostData is the Data of an EvDeliveryLost event.
type lostData struct {
	Way         string `json:"way"`
	Destination string `json:"destination,omitempty"`
	Seq         int64  `json:"seq"` // the event that was to be told
	Attempts    int    `json:"attempts,omitempty"`
	Page        bool   `json:"page,omitempty"` // it was to wake somebody
}

// planner guards a way's Plan.
type planner struct {
	way  Way
	lost []lost
}

// plan keeps one event that the way cannot read from stopping all later ones, and keeps a way from being told through
// itself that it does not work, which would fail and be told again, for ever.
func (p *planner) plan(ev pointsman.Logged) (out []pointsman.Delivery) {
	defer func() {
		if cause := recover(); cause != nil {
			out = nil
			p.lost = append(p.lost, lost{
				delivery: pointsman.Delivery{Follower: p.way.Name(), Seq: ev.Seq, Incident: ev.Incident},
				why:      fmt.Sprintf("planning it panicked: %v", cause),
			})
		}
	}()
	if ev.Type == pointsman.EvDeliveryLost {
		var about lostData
		if json.Unmarshal(ev.Data, &about) == nil && about.Way == p.way.Name() {
			return nil
		}
	}
	return p.way.Plan(ev)
}

// tellLost writes into the log what was not said, and why, so that other ways and the report show it. It reports whether all
// of it is on record.
func (r *dispatch) tellLost(ctx context.Context, list ...lost) (told bool) {
	told = true
	for _, l := range list {
		events := r.ofLost(ctx, l)
		if len(events) == 0 {
			continue
		}
		if err := r.Journal.Note(ctx, events...); err != nil {
			r.Log.Error("loss of a delivery not written to the log", "way", l.delivery.Follower, "incident", l.delivery.Incident, "err", err)
			told = false
		}
	}
	return told
}

// ofLost is what the log says of a loss. The loss of a message about a loss is only logged: two broken ways must not tell of
// each other for ever.
func (r *dispatch) ofLost(ctx context.Context, l lost) []pointsman.Event {
	d := l.delivery
	said, about := r.said(ctx, d)
	r.Log.Error("delivery given up", "way", d.Follower, "incident", d.Incident, "attempt", d.Attempts, "destination", d.Destination, "err", l.why)
	if about == pointsman.EvDeliveryLost {
		return nil
	}
	_, page := r.wakes(d)
	not := "not said"
	if page {
		not = "NOT PAGED"
	}
	data, err := json.Marshal(lostData{Way: d.Follower, Destination: d.Destination, Seq: d.Seq, Attempts: d.Attempts, Page: page})
	if err != nil {
		data = nil
	}
	return []pointsman.Event{{
		Version: 1, Type: pointsman.EvDeliveryLost,
		Actor: pointsman.Actor{Door: pointsman.DoorEngine}, Incident: d.Incident, Reason: l.why, Data: data,
		Text: fmt.Sprintf("%s through %s%s, given up after %s: %s. It was: %s", not, d.Follower, to(d), pointsman.Count(d.Attempts, "attempt"), l.why, said),
	}}
}

func to(d pointsman.Delivery) string {
	if d.Destination == "" {
		return ""
	}
	return " to " + d.Destination
}

// said is the sentence of the event behind a delivery.
func (r *dispatch) said(ctx context.Context, d pointsman.Delivery) (string, pointsman.EventType) {
	list, err := r.Journal.Events(ctx, d.Incident, d.Seq-1, 1)
	if err != nil || len(list) == 0 || list[0].Seq != d.Seq {
		return fmt.Sprintf("event %d of the log", d.Seq), ""
	}
	return list[0].Text, list[0].Type
}
