package postgres

import (
	"fmt"
	"math"
	"time"

	"github.com/pointsman/pointsman"
)

// The names of the accepted figures.
const (
	LostBytes   = "lost_bytes"
	LostSeconds = "lost_seconds"
)

// Figures are rounded up to these steps. What a person accepts is part of the plan's digest, so the same situation
// must give the same figure, and a loss is never rounded to nothing.
const (
	byteStep   = 16 << 10
	secondStep = 1
)

// staleSamples is how many missed samples make the last one too old to bound a loss.
const staleSamples = 3

// loss is what a promotion would lose, as far as it can be told. An unknown figure says why and is never zero.
type loss struct {
	bytes, seconds        float64
	noBytes, noSeconds    string // why unknown
	silent                bool   // the old primary may have gone on writing when it did not answer any more
	old, candidate        string
	sourceBytes, sourceAt string
	at                    time.Time
}

// loss compares the last that is known of the old primary with what the candidate received. Between the last sample
// and the moment at which it was seen stopped the primary is taken to have written at its peak rate. One that is only silent
// may take writes from clients on its side of the network for as long as that lasts, so nothing bounds its loss.
func (s Situation) loss(old string, candidate Reading) loss {
	l := loss{
		old: old, candidate: candidate.Node, at: candidate.At,
		sourceAt: "heartbeat as replayed on " + candidate.Node,
	}
	p := s.Sample
	lost := p.LostAt
	if lost.IsZero() {
		lost = s.At
	}
	age, watched := lost.Sub(p.At), lost
	if !p.missedAt.IsZero() && p.missedAt.Before(lost) {
		watched = p.missedAt // until then samples were taken in time; what came after is a part of age
	}
	l.silent = p.Silent || p.LostAt.IsZero() && !s.stoppedSomewhere(old) && !s.answersAnywhere(old)
	l.sourceBytes = fmt.Sprintf("last sample of %s, %s before it stopped answering", old, pointsman.Span(max(0, age)))
	switch {
	case p.Primary != old:
		l.noBytes = "unknown (no sample of " + old + ")"
	case l.silent:
		l.noBytes = "unknown (" + old + " fell silent, not seen stopped)"
	case s.otherTimeline(old, candidate):
		l.noBytes = fmt.Sprintf("unknown (%s was on timeline %d, %s is on %d)", old, p.Timeline, candidate.Node, candidate.Timeline)
	case watched.Sub(p.At) > staleSamples*s.Cluster.SampleEvery:
		l.noBytes = "unknown (last sample " + pointsman.Span(age) + " old)"
	case p.Rate < 0:
		l.noBytes = "unknown (" + old + " was watched for less than " + pointsman.Span(rateOver) + ")"
	default:
		tail := LSN(math.Ceil(p.Rate * max(0, age.Seconds())))
		l.bytes = step(float64(max(p.LSN+tail, s.furthest(old, candidate)).Beyond(candidate.Receive)), byteStep)
	}
	if more := s.furthest(old, candidate).Beyond(candidate.Receive); l.noBytes != "" && more > 0 {
		l.noBytes += ", at least " + pointsman.Bytes(more) + ", which another standby has"
	}
	switch {
	case p.Primary != old:
		l.noSeconds = "unknown (no sample of " + old + ")"
	case candidate.Beat.IsZero():
		l.noSeconds = "unknown (no heartbeat on " + candidate.Node + ")"
	case l.silent:
		l.noSeconds = "unknown, up to " + pointsman.Span(s.At.Sub(candidate.Beat)) + " so far"
		if !p.StoppedAt.IsZero() {
			l.noSeconds = "unknown, up to " + pointsman.Span(p.StoppedAt.Sub(candidate.Beat))
		}
	default:
		l.seconds = step(lost.Sub(candidate.Beat).Seconds(), secondStep)
	}
	return l
}

// otherTimeline: positions on two timelines cannot be subtracted, whichever is the larger number.
func (s Situation) otherTimeline(old string, candidate Reading) bool {
	p := s.Sample
	return p.Primary == old && p.Timeline > 0 && candidate.Timeline > 0 && p.Timeline != candidate.Timeline
}

// history is G4 for the old primary itself: a candidate that does not follow the timeline on which it wrote last.
func (s Situation) history(old string, candidate Reading) []pointsman.Fact {
	if !s.otherTimeline(old, candidate) {
		return nil
	}
	return []pointsman.Fact{{
		Guard: "G4", Kind: pointsman.Ack, Name: "timeline of " + candidate.Node, Value: fmt.Sprint(candidate.Timeline), Limit: fmt.Sprint(s.Sample.Timeline),
		Source: candidate.Node, At: candidate.At, Result: pointsman.Fail, Clears: "promote a standby that followed " + old + ", if there is one",
		Text: fmt.Sprintf("%s is on timeline %d, %s was on %d when it was last seen: what it wrote there is lost, and how much that is cannot be told",
			candidate.Node, candidate.Timeline, old, s.Sample.Timeline),
	}}
}

// step rounds up to the next step, at least one.
func step(v, size float64) float64 { return max(1, math.Ceil(v/size)) * size }

func (l loss) facts(limits Limits) []pointsman.Fact {
	bytes := pointsman.Fact{Guard: "G5", Kind: pointsman.Ack, Name: "loss in bytes", Limit: pointsman.Bytes(int64(limits.LostBytes)), Source: l.sourceBytes, At: l.at}
	seconds := pointsman.Fact{Guard: "G5", Kind: pointsman.Ack, Name: "loss in time", Limit: pointsman.Span(limits.LostTime), Source: l.sourceAt, At: l.at}
	return []pointsman.Fact{
		l.figure(bytes, l.noBytes, l.bytes, float64(limits.LostBytes), "<= "+pointsman.Bytes(int64(l.bytes)), "WAL of "+l.old+" that "+l.candidate+" did not receive"),
		l.figure(seconds, l.noSeconds, l.seconds, limits.LostTime.Seconds(), "<= "+inTime(l.seconds), "writes of the last moments of "+l.old),
	}
}

func (l loss) figure(f pointsman.Fact, unknown string, v, limit float64, value, what string) pointsman.Fact {
	if unknown != "" {
		f.Value, f.Result = unknown, pointsman.Unknown
		f.Text = fmt.Sprintf("%s is %s, limit %s", f.Name, unknown, f.Limit)
		f.Clears = "nothing, once " + l.old + " is dead: accept it, or recover " + l.old
		if l.silent { // without the figure, which grows: the text is part of the plan, and of what is accepted
			f.Text = fmt.Sprintf("%s is unknown, limit %s: %s fell silent without being seen stopped, and what it has taken since is lost too", f.Name, f.Limit, l.old)
			f.Clears = "accept it, or recover " + l.old
		}
		return f
	}
	f.Value, f.Result, f.Measure = value, pointsman.Pass, &v
	if v > limit {
		f.Result = pointsman.Fail
		f.Text = fmt.Sprintf("%s may be lost: %s, limit %s", what, value, f.Limit)
		f.Clears = "accept the loss, or recover " + l.old
	}
	return f
}

func inTime(v float64) string { return pointsman.Span(time.Duration(v * float64(time.Second))) }

func (l loss) bounds() []pointsman.Bound {
	var out []pointsman.Bound
	if l.noBytes == "" {
		out = append(out, pointsman.Bound{Name: LostBytes, Max: l.bytes, Text: "loss <= " + pointsman.Bytes(int64(l.bytes))})
	}
	if l.noSeconds == "" {
		out = append(out, pointsman.Bound{Name: LostSeconds, Max: l.seconds, Text: "loss <= " + inTime(l.seconds)})
	}
	return out
}

// outside refuses a loss above the one that was approved. Of a greater figure one more approver may be asked, of an unknown
// one not.
func (l loss) outside(accepted []pointsman.Bound) []pointsman.Fact {
	fresh := map[string]pointsman.Bound{}
	for _, b := range l.bounds() {
		fresh[b.Name] = b
	}
	var out []pointsman.Fact
	for _, a := range accepted {
		if a.Name != LostBytes && a.Name != LostSeconds {
			continue
		}
		f := pointsman.Fact{
			Guard: "G5", Kind: pointsman.Hard, Name: "approved " + a.Name, Limit: a.Text, Source: l.sourceBytes, At: l.at,
			Result: pointsman.Pass, Clears: "approve the new figure",
		}
		now, known := fresh[a.Name]
		switch {
		case !known:
			f.Value, f.Result = "unknown", pointsman.Unknown
			f.Text = fmt.Sprintf("approved was %s, now the loss is unknown", a.Text)
		case now.Max > a.Max:
			f.Value, f.Result, f.Excess = now.Text, pointsman.Fail, pointsman.Exceeds(now, a.Text)
			f.Text = fmt.Sprintf("approved was %s, now it is %s", a.Text, now.Text)
		default:
			f.Value = now.Text
		}
		out = append(out, f)
	}
	return out
}
