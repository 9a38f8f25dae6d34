package postgres

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres/probe"
)

// view is a sighting and the place it was made from.
type view struct {
	From string
	here bool // by this process, in its configuration's words
	probe.Sighting
}

// sightings are how all vantage points see a node: this process first.
func (s Situation) sightings(node string) []view {
	out := []view{{From: "here", here: true, Sighting: s.reading(node).Sighting}}
	for _, p := range s.Probes[node] {
		out = append(out, view{From: p.Probe, Sighting: p.Sighting})
	}
	return out
}

// told is what all places see, those that agree together.
func told(views []view) string {
	var parts []string
	from := map[probe.State][]string{}
	for _, v := range views {
		from[v.State] = append(from[v.State], v.From)
	}
	for _, v := range views {
		if places := from[v.State]; places[0] == v.From {
			parts = append(parts, v.State.Words()+" as seen from "+strings.Join(places, " and "))
		}
	}
	return strings.Join(parts, ", ")
}

// goneFacts say whether the old primary is gone: as it looks, from how many places, as its standbys see it, and
// whether it can be kept from coming back.
func (s Situation) goneFacts(old string) []pointsman.Fact {
	facts := []pointsman.Fact{s.notWritable(old), s.vantage(old)}
	facts = append(facts, s.receivers(old)...)
	return append(facts, s.hook(old))
}

// notWritable is G1. Any sign of life that it may take writes refuses; only where it answers without taking writes,
// and a hook can stop it, may a second approver accept that.
func (s Situation) notWritable(old string) pointsman.Fact {
	views := s.sightings(old)
	f := pointsman.Fact{
		Guard: "G1", Kind: pointsman.Hard, Name: "old primary " + old, Value: told(views), Limit: "writable from nowhere",
		Source: old, At: views[0].At,
	}
	gone := false
	var alive *view
	for _, v := range views {
		gone = gone || v.State.Gone()
		if v.State == Writable {
			f.Result = pointsman.Fail
			f.Text = fmt.Sprintf("%s takes writes as seen from %s: a failover would make a second primary", old, v.From)
			f.Clears = "do a planned switchover instead, or stop " + old + " and check again"
			return f
		}
		if v.State.Answers() && alive == nil {
			alive = &v
		}
	}
	switch {
	case alive != nil:
		return s.answering(f, old, *alive)
	case !gone:
		f.Result = pointsman.Unknown
		f.Text = fmt.Sprintf("it could not be told whether %s takes writes: it %s%s", old, told(views), detail(views[0].Detail))
		f.Clears = "make one vantage point see " + old
		return f
	}
	f.Result = pointsman.Pass
	return f
}

// answering: slow, full and starting are not dead (G10).
func (s Situation) answering(f pointsman.Fact, old string, v view) pointsman.Fact {
	f.Result = pointsman.Fail
	f.Clears = "treat the cause on " + old + ", or stop it by hand and check again"
	f.Text = fmt.Sprintf("%s %s as seen from %s%s: that is not dead, and clients that are connected may still write", old, v.State.Words(), v.From, detail(v.Detail))
	if v.State == Full {
		f.Guard = "G10"
	}
	if v.State != Denied && len(s.Cluster.Fence.Command) > 0 {
		f.Kind = pointsman.Ack
		f.Text += "; only the stop hook keeps it from being a second primary"
	}
	return f
}

// vantage is G2: how many places see the old primary gone. The text names no time, so that it stays the same.
func (s Situation) vantage(old string) pointsman.Fact {
	views := s.sightings(old)
	gone := 0
	for _, v := range views {
		if v.State.Gone() {
			gone++
		}
	}
	f := pointsman.Fact{
		Guard: "G2", Kind: pointsman.Ack, Name: "vantage points", Value: fmt.Sprintf("%d of %d see %s gone", gone, len(views), old),
		Limit: fmt.Sprintf("at least %d", s.Cluster.Quorum), Source: old, At: s.At, Result: pointsman.Pass,
	}
	if gone < s.Cluster.Quorum {
		missing := float64(s.Cluster.Quorum - gone) // what is accepted: one more that is blind is another risk
		f.Result, f.Measure = pointsman.Fail, &missing
		f.Text = fmt.Sprintf("%s looks gone from %d of %s, wanted is at least %d: a broken network between them and %s would look the same, and both could take writes",
			old, gone, pointsman.Count(len(views), "vantage point"), s.Cluster.Quorum, old)
		f.Clears = "configure probes elsewhere, or look at " + old + " by another way"
		for _, v := range views {
			if v.State == Unsure && !v.here && v.Server.SystemID != "" {
				f.Text += fmt.Sprintf("; %s does not count: %s", v.From, v.Detail)
				f.Clears = "correct the DSN of " + old + " at " + v.From
			}
		}
	}
	return f
}

// receivers is the standbys' own view: who still hears the old primary proves that it lives.
func (s Situation) receivers(old string) []pointsman.Fact {
	var out []pointsman.Fact
	for _, r := range s.in(Standby) {
		if r.Node == old || s.cascades(r) {
			continue
		}
		f := pointsman.Fact{
			Guard: "G2", Kind: pointsman.Hard, Name: "receiver of " + r.Node, Limit: "not streaming",
			Source: r.Node + ": pg_stat_wal_receiver", At: r.At, Result: pointsman.Pass,
		}
		switch limit := r.patience(s.Cluster.Limits.ReceiverSilence); {
		case !r.Stats:
			f.Value, f.Result = "not told", pointsman.Unknown
			f.Text = fmt.Sprintf("whether %s still hears %s cannot be told: Pointsman's role there may not read pg_stat_wal_receiver", r.Node, old)
			f.Clears = noStats + "; without a primary, read it on " + r.Node + " as a superuser"
		case r.Receiver.Status != "streaming":
			f.Value = "gone"
		case r.GivesUp == 0:
			f.Value, f.Result = "silent for "+pointsman.Span(r.Receiver.Silent), pointsman.Unknown
			f.Text = fmt.Sprintf("%s holds a stream, and its silence of %s says nothing of %s: with wal_receiver_timeout 0 it never asks for a sign of life",
				r.Node, pointsman.Span(r.Receiver.Silent), old)
			f.Clears = "ALTER SYSTEM SET wal_receiver_timeout = '60s' and SELECT pg_reload_conf(), on " + r.Node
		case r.Receiver.Silent > limit:
			f.Value = "silent for " + pointsman.Span(r.Receiver.Silent)
		default:
			f.Value, f.Result = "streaming, last message "+pointsman.Span(r.Receiver.Silent)+" ago", pointsman.Fail
			from, who := s.sender(r, old)
			f.Text = fmt.Sprintf("%s still holds a stream from %s, last message %s ago, limit %s: %s is hung or only we cannot reach it, not dead",
				r.Node, from, pointsman.Span(r.Receiver.Silent), pointsman.Span(limit), who)
			f.Clears = "the receiver gives up after wal_receiver_timeout (60 s by default), or stop " + old + " by hand and check again"
			if from != old {
				f.Clears += fmt.Sprintf("; if %s is another standby, let application_name in primary_conninfo of %s be %s", from, r.Node, r.Node)
			}
		}
		out = append(out, f)
	}
	return out
}

// replyMargin is how long a sign of life may take after it was asked for.
const replyMargin = 10 * time.Second

// patience is how long a healthy stream may be silent: the receiver asks for a sign of life after half of
// wal_receiver_timeout (WalReceiverMain in walreceiver.c), so a limit below that would call a healthy stream dead.
func (r Reading) patience(limit time.Duration) time.Duration {
	return max(limit, r.GivesUp/2+replyMargin)
}

// sender is from whom the standby streams, and who may be hung then. An address that is not the old primary's in our
// configuration may be another of its own, or another standby's.
func (s Situation) sender(r Reading, old string) (from, who string) {
	from = r.Receiver.from()
	if from == "" || s.isAt(s.reading(old), from) || len(s.beside(old, r.Node)) == 0 {
		return old, old
	}
	return from, "unless that is another standby, " + old
}

// from is whom it follows, as the standby itself reaches it.
func (r Receiver) from() string {
	if r.Host == "" {
		return ""
	}
	return net.JoinHostPort(r.Host, strconv.Itoa(r.Port))
}

// cascades: a standby that follows another standby says nothing about the primary. The address by which it reaches that
// one need not be ours, so the other one's word counts, too.
func (s Situation) cascades(r Reading) bool {
	from := r.Receiver.from()
	for _, other := range s.Readings {
		if other.Node != r.Node && s.isAt(other, from) {
			return other.State == Standby
		}
	}
	return slices.ContainsFunc(s.in(Standby), func(other Reading) bool { return other.Node != r.Node && s.lists(other, r) })
}

// isAt reports whether the address is one that we know of the node.
func (s Situation) isAt(r Reading, at string) bool {
	n, _ := s.Cluster.node(r.Node)
	return at != "" && (at == r.Addr || at == n.Advertised)
}

// lists reports whether the server says that it streams to the standby. Only a name that tells the node apart is taken:
// its own, which no other standby goes by.
func (s Situation) lists(sender, r Reading) bool {
	name := r.FollowsAs
	if name == "" || name != r.Node && name != s.expectedName(r.Node) || !slices.Contains(sender.FollowedBy, name) {
		return false
	}
	return !slices.ContainsFunc(s.Readings, func(other Reading) bool { return other.Node != r.Node && other.FollowsAs == name })
}

// hook: without a way to stop it, a node that was only cut off comes back as a second primary.
func (s Situation) hook(old string) pointsman.Fact {
	f := pointsman.Fact{Guard: "G1", Kind: pointsman.Ack, Name: "stop hook", Source: "configuration", At: s.At, Result: pointsman.Pass, Value: "configured"}
	if s.Cluster.Fence.keepsOff() {
		return f
	}
	f.Value = "none"
	if st := s.reading(old).State; st == Standby || st == Fenced {
		return f // it does not take writes by itself
	}
	f.Result = pointsman.Fail
	f.Text = fmt.Sprintf("%s cannot be stopped from here: if it comes back, it takes writes beside the new primary", old)
	f.Clears = "configure fence.command, and make sure by hand that " + old + " stays off"
	return f
}
