package pointsman

import (
	"encoding/json"
	"time"
)

// Class orders deliveries: an approval card and a page go before chatter.
type Class string

// The classes, most pressing first.
const (
	Urgent Class = "urgent"
	Normal Class = "normal"
)

// Delivery is one thing to be said to one destination because of one event. Rows of deliveries are the truth of what
// was said: unique by follower, seq and destination, in order within a lane.
type Delivery struct {
	ID          int64
	Follower    string // "slack", "pagerduty"
	Seq         int64  // the event's place in the log
	EventID     string
	Incident    string
	Destination string // "card", "thread", "service:dba"; unique within follower and seq
	Lane        string // deliveries of one lane go out one after the other: "slack/INC-7/card"
	Class       Class
	// Newest makes an unsent older delivery of the same lane pointless: it is an edit of the same card.
	Newest   bool
	Payload  json.RawMessage
	Attempts int
	DueAt    time.Time
	Ref      string // what the other side called it: "C0INC/1763697600.000100", a dedup key
	Problem  string // why the last attempt did not succeed
	// Opened is the incident as the delivery's own transaction left it, if that one opened it: whoever is handed the delivery
	// right then need not read what was just written, and nothing can have been said of the incident before. It is not stored.
	Opened *State
}

// Queue is the deliveries of one way and class. Those of one queue share what sends them, and hold up no other.
type Queue struct {
	Follower string
	Class    Class
}

// Queue is the one that the delivery stands in.
func (d Delivery) Queue() Queue { return Queue{d.Follower, d.Class} }

// Settlement is what became of an attempt. Exactly one of Sent, RetryAt and Parked is meant.
type Settlement struct {
	Sent    bool
	Ref     string
	RetryAt time.Time // not sent; try again then
	Parked  bool      // given up on, visibly
	Problem string
	Tell    []Event // what the log says of it; written with it, or neither is
}
