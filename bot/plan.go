package bot

import (
	"encoding/json"
	"time"

	"github.com/pointsman/pointsman"
)

// The destinations of an incident's deliveries; stored with them, never renamed.
const (
	follower   = "slack"
	destCard   = "card"
	destThread = "thread"
	destRoom   = "channel" // for what belongs to no incident
)

// said is the payload of a delivery: what of the event is needed to say it.
type said struct {
	Type      pointsman.EventType `json:"type"`
	Text      string              `json:"text,omitempty"`
	Broadcast bool                `json:"broadcast,omitempty"` // also into the channel, not only the thread
	At        time.Time           `json:"at,omitzero"`         // of the event; an earlier attempt is looked for from here on
	Call      *call               `json:"call,omitempty"`      // who must act on it is mentioned
}

// roomIcons are the events without an incident that everybody in the channel should know of.
var roomIcons = map[pointsman.EventType]string{
	pointsman.EvTargetLocked:   "🔒",
	pointsman.EvTargetUnlocked: "🔓",
	pointsman.EvFreezeOn:       "🧊",
	pointsman.EvFreezeOff:      "🟢",
}

// roomIcon finds the icon of such an event; that of a kill switch says what it counts as.
func roomIcon(ev pointsman.Logged) (icon string, ok bool) {
	if ev.Type != pointsman.EvSwitchChanged {
		icon, ok = roomIcons[ev.Type]
		return icon, ok
	}
	var is struct {
		State string `json:"state"`
	}
	if json.Unmarshal(ev.Data, &is) == nil && is.State == "released" {
		return "🟢", true
	}
	return "🔴", true // also what cannot be read counts as engaged
}

// threadIcons are the events that get a line in the thread. What is missing is either on the card and tells nobody
// anything (a step begins) or was told to the one person whom it concerns (a click that does not count).
var threadIcons = map[pointsman.EventType]string{
	pointsman.EvIncidentReopened:  "🔁",
	pointsman.EvIncidentResolved:  "✅",
	pointsman.EvIncidentUpdate:    "📣",
	pointsman.EvProposalReady:     "🗳️",
	pointsman.EvProposalRefused:   "⛔",
	pointsman.EvProposalDenied:    "🚫",
	pointsman.EvProposalExpired:   "⌛",
	pointsman.EvProposalWithdrawn: "↩️",
	pointsman.EvVoteCounted:       "👍", // the last one says "2 of 2", so the approval needs no line of its own
	pointsman.EvGateCounted:       "👍",
	pointsman.EvVotesVoided:       "⚠️",
	pointsman.EvRunStarted:        "▶️",
	pointsman.EvRunTaken:          "🔀",
	pointsman.EvRunWaiting:        "⏸️",
	pointsman.EvRunWished:         "✋",
	pointsman.EvRunAccepted:       "👍",
	pointsman.EvRunPaused:         "⏸️",
	pointsman.EvRunUndoing:        "↩️",
	pointsman.EvStepUndone:        "↩️",
	pointsman.EvStepNotUndone:     "⛔",
	pointsman.EvStepSkipped:       "⤼",
	pointsman.EvStepHarder:        "⚡",
	pointsman.EvStepSlow:          "🐢",
	pointsman.EvStepUnsent:        "🔁",
	pointsman.EvStepLate:          "📎",
	pointsman.EvRunParked:         "🛑",
	pointsman.EvRunDone:           "🏁",
	pointsman.EvRunAborted:        "⏹️",
	pointsman.EvRunVoided:         "↩️",
	pointsman.EvStepDone:          "☑️",
	pointsman.EvStepRefused:       "⛔",
	pointsman.EvStepFailed:        "⛔",
	pointsman.EvStepUnknown:       "❔",
	pointsman.EvStepOverdue:       "⏰",
	pointsman.EvTargetAlarm:       "🚨",
	pointsman.EvDeliveryLost:      "📪",
}

// unseen are the events that change nothing that the card shows.
var unseen = map[pointsman.EventType]bool{
	pointsman.EvDoorRefused: true, pointsman.EvServerState: true, pointsman.EvDeliveryLost: true, pointsman.EvAuditRead: true,
	pointsman.EvVoteRefused: true, pointsman.EvIncidentUpdate: true, pointsman.EvStepLate: true,
}

// Plan implements the way out: an edit of the card for what the card shows, a line in the thread for what people should
// be able to read afterwards. It is pure.
func (s *Sender) Plan(ev pointsman.Logged) []pointsman.Delivery {
	if icon, ok := roomIcon(ev); ok && ev.Incident == "" {
		// A stop of automation or of a service waits for no thread's lines.
		return []pointsman.Delivery{delivery(ev, destRoom, pointsman.Urgent, said{Type: ev.Type, Text: icon + " " + md(ev.Text, 900), At: ev.At})}
	}
	if ev.Incident == "" {
		return nil
	}
	var out []pointsman.Delivery
	if !unseen[ev.Type] || lostPage(ev) {
		// Every edit of a card is urgent: it shows the newest state and takes the place of an unsent older one, which may
		// have been the approval itself.
		out = append(out, delivery(ev, destCard, pointsman.Urgent, said{Type: ev.Type}))
		out[0].Newest = true
	}
	if text, loud, ok := s.pageLine(ev); ok {
		line := delivery(ev, destThread, pointsman.Normal, said{Type: ev.Type, Text: text, Broadcast: loud, Call: s.called(ev)})
		if loud {
			overtakes(&line, "page") // whoever is awake must know within a minute that nobody is being woken
		}
		return append(out, line)
	}
	if icon, ok := threadIcons[ev.Type]; ok {
		line := delivery(ev, destThread, pointsman.Normal, said{
			Type: ev.Type, Text: icon + " " + md(ev.Text, 900), Call: s.called(ev),
			Broadcast: ev.Type == pointsman.EvIncidentUpdate || ev.Type == pointsman.EvIncidentResolved || ev.Type == pointsman.EvStepOverdue ||
				ev.Type == pointsman.EvTargetAlarm,
		})
		if ev.Type == pointsman.EvTargetAlarm {
			overtakes(&line, "alarm") // two servers take writes: each second is data that somebody will have to merge
		}
		out = append(out, line)
	}
	return out
}

// overtakes lets a line pass those of its thread, which wait for minutes in a storm.
func overtakes(line *pointsman.Delivery, lane string) {
	line.Class, line.Lane = pointsman.Urgent, follower+"/"+line.Incident+"/"+lane
}

func delivery(ev pointsman.Logged, to string, class pointsman.Class, what said) pointsman.Delivery {
	payload, err := json.Marshal(what)
	if err != nil {
		payload = nil // our own type of strings: it encodes
	}
	return pointsman.Delivery{
		Follower: follower, Seq: ev.Seq, EventID: ev.ID, Incident: ev.Incident, Destination: to,
		Lane: follower + "/" + ev.Incident + "/" + to, Class: class, Payload: payload,
	}
}
