package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pointsman/pointsman"
)

// judge is pure: whether the switchover may begin, or be finished from where it is.
func (w switching) judge() pointsman.Evidence {
	ev := pointsman.Evidence{Pins: map[string]string{}, Facts: []pointsman.Fact{w.writers(), w.identity(), w.position()}}
	if w.old != "" {
		ev.Pins["old_primary"] = w.old
	}
	if w.candidate != "" {
		ev.Pins["candidate"] = w.candidate
	}
	ev.Facts = append(ev.Facts, w.hookFact())
	if w.candidate == "" || w.stage == stageUnclear {
		return ev
	}
	ev.Facts = append(ev.Facts, w.poolerFacts(ev.Pins)...)
	switch w.stage {
	case stageBefore:
		ev.Facts = append(ev.Facts, w.streams(), w.prepared(), w.transactions(), w.syncAfter(), w.left())
		ev.Facts = append(ev.Facts, w.durability(w.reading(w.candidate))...)
	case stageStopped:
		ev.Facts = append(ev.Facts, w.complete(), w.syncAfter())
	case stageAfter:
		if w.arrived() && !w.writers().Refuses() && !w.identity().Refuses() { // a second writer is no success
			ev.Already, ev.AlreadyBy = true, "itself: "+w.candidate+" is primary, and the poolers lead there"
		}
	}
	return ev
}

func (w switching) fact(guard, name string) pointsman.Fact {
	return pointsman.Fact{Guard: guard, Kind: pointsman.Hard, Name: name, Source: "all nodes", At: w.At, Result: pointsman.Pass}
}

// position says from where the switchover begins, or goes on.
func (w switching) position() pointsman.Fact {
	f := w.fact("G1", "primary to switch")
	f.Limit = "one primary and a standby of it"
	switch {
	case w.old == "":
		f.Result, f.Value = pointsman.Fail, "none"
		f.Text = "no node takes writes, so there is nothing to switch over"
		f.Clears = "a failover, if the primary is dead"
	case w.candidate == "" || w.candidate == w.old:
		f.Result, f.Value = pointsman.Fail, w.old+" without a standby"
		f.Text = fmt.Sprintf("%s has no standby that may be promoted", w.old)
		f.Clears = "attach a standby"
	case w.stage == stageUnclear:
		f.Result, f.Value = pointsman.Unknown, w.old+" "+told(w.sightings(w.old))
		f.Text = fmt.Sprintf("it cannot be told how far the switchover is: %s %s, %s %s", w.old, told(w.sightings(w.old)), w.candidate, told(w.sightings(w.candidate)))
		f.Clears = "look at both servers by hand"
	default:
		f.Value = fmt.Sprintf("%s %s, %s %s", w.old, w.reading(w.old).State.Words(), w.candidate, w.reading(w.candidate).State.Words())
	}
	return f
}

func (w switching) hookFact() pointsman.Fact {
	f := w.fact("G14", "node hook")
	f.Source, f.Value = "configuration", "configured"
	if len(w.Cluster.NodeHook.Command) == 0 {
		f.Result, f.Value, f.Clears = pointsman.Fail, "none", "configure node_hook for "+w.Cluster.Name
		f.Text = "no node_hook is configured, so the old primary cannot be shut down in order"
		return f
	}
	if w.stage != stageBefore && w.stage != stageStopped {
		return f // nothing is asked of it any more, or nothing is begun
	}
	if w.foundErr != nil {
		f.Source, f.Result, f.Value = w.old+": node hook", pointsman.Unknown, "no answer"
		f.Text = fmt.Sprintf("whether the node hook of %s works cannot be told: %v", w.old, w.foundErr)
		f.Clears = "make the node hook's step inspect work"
		if errors.Is(w.foundErr, context.DeadlineExceeded) {
			f.Text += "; it had " + pointsman.Span(w.foundIn)
			f.Clears = w.sooner()
		}
		return f
	}
	f, _ = w.found.keeps(f, w.old)
	return f
}

// sooner says what gives a hook that did not answer in time more of it. The step gives Apply its time, the check's is of no use there, and
// beyond inspectWait no setting does.
func (w switching) sooner() string {
	most := pointsman.Span(inspectWait)
	switch {
	case w.foundIn >= inspectWait:
		return fmt.Sprintf("make the node hook's step inspect answer within %s", most)
	case w.ask.fresh:
		return fmt.Sprintf("make the node hook's step inspect answer sooner, or raise the step's timeout; it never has more than %s", most)
	}
	return fmt.Sprintf("make the node hook's step inspect answer sooner, or raise timings.check_timeout; it never has more than %s", most)
}

// poolerFacts: where the clients go through, and that they are not waiting for somebody else's work.
func (w switching) poolerFacts(pins map[string]string) []pointsman.Fact {
	if len(w.Cluster.Poolers) == 0 {
		f := w.fact("G18", "poolers")
		f.Kind, f.Source, f.Value, f.Result = pointsman.Warn, "configuration", "none", pointsman.Fail
		f.Text = "no pooler is configured: clients are not paused, and their connections break once"
		return []pointsman.Fact{f}
	}
	if w.journeyErr != nil {
		return []pointsman.Fact{w.nowhere()}
	}
	ev := judgeRepoint(w.journey, w.views)
	for name, place := range ev.Pins {
		pins[name] = place
	}
	for _, v := range w.views {
		if !v.running.Paused || w.stage != stageBefore {
			continue
		}
		f := w.fact("G18", "clients of "+v.pooler.Name)
		f.Source, f.Value, f.Limit, f.Result = v.pooler.Name+": SHOW DATABASES", v.running.words(), "serving", pointsman.Fail
		f.Text = fmt.Sprintf("%s is paused already: somebody else is at work on it", v.pooler.Name)
		f.Clears = v.running.release(v.pooler.entry(w.Cluster)) + " in its console, if nobody is"
		// What an interrupted attempt of this very plan left paused is its own; see Apply.
		if w.wished != "" && !v.running.Whole {
			f.Kind = pointsman.Warn
		}
		ev.Facts = append(ev.Facts, f)
	}
	return ev.Facts
}

// nowhere: it is not known where the poolers are to lead, so none was looked at.
func (w switching) nowhere() pointsman.Fact {
	f := w.fact("G18", "poolers")
	f.Result, f.Value, f.Clears = pointsman.Unknown, "unknown", "set advertised"
	f.Text = fmt.Sprintf("where the poolers lead cannot be told: %v", w.journeyErr)
	return f
}

// streams is the lag limit, told by both sides: a standby that has to catch up first lets clients wait for it.
func (w switching) streams() pointsman.Fact {
	r, old := w.reading(w.candidate), w.reading(w.old)
	f := w.fact("G5", "lag of "+w.candidate)
	f.Source, f.At, f.Limit = w.old+": pg_stat_replication", r.At, pointsman.Bytes(w.times.lag)
	i := slices.IndexFunc(w.followers, func(f follower) bool { return f.State == "streaming" && w.is(f, w.candidate) })
	lag := old.LSN.Beyond(r.Replay)
	size := float64(lag)
	switch {
	case w.followersErr != nil:
		f.Result, f.Value = pointsman.Unknown, "unknown"
		f.Text = fmt.Sprintf("who streams from %s cannot be told: %v", w.old, w.followersErr)
		f.Clears = "let Pointsman's role read pg_stat_replication: GRANT pg_monitor"
	case r.State != Standby || i < 0:
		f.Result, f.Value = pointsman.Fail, r.State.Words()
		f.Text = fmt.Sprintf("%s does not stream from %s: it %s%s", w.candidate, w.old, r.State.Words(), detail(r.Detail))
		f.Clears = "bring it back with postgres.rejoin"
	case r.Paused:
		f.Result, f.Value = pointsman.Fail, "replay paused"
		f.Text, f.Clears = fmt.Sprintf("the replay of %s is paused", w.candidate), "resume it with postgres.lag"
	case r.Timeline != old.Timeline:
		f.Result, f.Value = pointsman.Fail, fmt.Sprintf("timeline %d", r.Timeline)
		f.Text = fmt.Sprintf("%s is on timeline %d, %s on %d", w.candidate, r.Timeline, w.old, old.Timeline)
		f.Clears = "wait until it follows, or rejoin it"
	case lag > w.times.lag:
		f.Result, f.Value, f.Measure = pointsman.Fail, pointsman.Bytes(lag), &size
		f.Text = fmt.Sprintf("%s lags %s, limit %s: clients would wait until it has caught up", w.candidate, pointsman.Bytes(lag), f.Limit)
		f.Clears = "let it catch up, with postgres.lag"
	default:
		f.Value, f.Measure = fmt.Sprintf("%s, %s", pointsman.Bytes(lag), w.followers[i].Sync), &size
	}
	return f
}

func (w switching) prepared() pointsman.Fact {
	f := w.fact("G5", "prepared transactions")
	f.Source, f.Limit, f.Value = w.old+": pg_prepared_xacts", "0", fmt.Sprint(w.work.Prepared)
	switch {
	case w.workErr != nil:
		f.Result, f.Value = pointsman.Unknown, "unknown"
		f.Text = fmt.Sprintf("what is open on %s cannot be told: %v", w.old, w.workErr)
		f.Clears = "let Pointsman's role read pg_stat_activity: GRANT pg_monitor"
	case w.work.Prepared > 0:
		f.Result = pointsman.Fail
		f.Text = fmt.Sprintf("%s holds %s, limit 0: their locks go with them, and their owner may not find them again", w.old, pointsman.Count(w.work.Prepared, "prepared transaction"))
		f.Clears = "COMMIT PREPARED or ROLLBACK PREPARED them"
	}
	return f
}

func (w switching) transactions() pointsman.Fact {
	f := w.fact("G5", "long transactions")
	f.Source, f.Limit = w.old+": pg_stat_activity", pointsman.Span(w.times.wait)
	f.Value = fmt.Sprint(w.work.Sessions)
	switch {
	case w.workErr != nil:
		f.Result, f.Value, f.Text, f.Clears = pointsman.Unknown, "unknown", "whether long transactions are open cannot be told", "GRANT pg_monitor TO Pointsman's role"
	case w.work.Sessions > 0:
		f.Result = pointsman.Fail
		f.Text = fmt.Sprintf("%s open for longer than %s on %s, the longest for %s: the pause would wait for them, and the stop would end them",
			pointsman.Count(w.work.Sessions, "transaction"), f.Limit, w.old, pointsman.Span(w.work.Oldest))
		f.Clears = "wait for them, or end them with postgres.terminate"
	}
	return f
}

// syncAfter is of the standbys that stream now: they follow through the same address afterwards, or are led to it. Once the
// old primary is stopped nobody streams from it, and all that are there count: clients wait already.
func (w switching) syncAfter() pointsman.Fact {
	left := w.others()
	if w.stage == stageStopped {
		left = w.beside(w.old, w.candidate)
	}
	return w.waits(w.reading(w.candidate), w.old, left)
}

func (w switching) others() []Reading {
	return slices.DeleteFunc(w.beside(w.old, w.candidate), func(r Reading) bool { return r.Receiver.Status != "streaming" })
}

// left is G29. The old primary comes back by postgres.rejoin, for which the same hook is needed; without a hook nothing
// is begun anyway.
func (w switching) left() pointsman.Fact {
	f := withoutStandby(w.candidate+" will have no standby", len(w.others()), w.Situation)
	if f.Result == pointsman.Fail {
		f.Text = fmt.Sprintf("%s will have no standby until %s is back: rejoin it in the same run", w.candidate, w.old)
		f.Clears = "a step postgres.rejoin after this one"
	}
	return f
}

// complete proves that nothing is lost: the old primary ended with a shutdown checkpoint, and the candidate has
// replayed beyond the begin of that record, which is the last one there is.
func (w switching) complete() pointsman.Fact {
	f := w.fact("G5", "loss of the switchover")
	f.Source, f.Limit = w.old+": node hook", "0 B"
	r := w.reading(w.candidate)
	switch {
	case w.foundErr != nil || w.found.Checkpoint == 0:
		f.Result, f.Value = pointsman.Unknown, "unknown"
		f.Text = fmt.Sprintf("how %s ended cannot be told: %v", w.old, w.foundErr)
		f.Clears = "make the node hook's step inspect work"
	case w.found.Running || w.found.State != "shut down":
		f.Result, f.Value = pointsman.Fail, w.found.State
		f.Text = fmt.Sprintf("%s was not shut down in order, its control file says %q: this is a failover and no switchover", w.old, w.found.State)
		f.Clears = "start " + w.old + " again, or fail over"
	case r.Replay <= w.found.Checkpoint:
		f.Result, f.Value = pointsman.Fail, fmt.Sprintf("replayed %s", r.Replay)
		f.Text = fmt.Sprintf("%s has replayed up to %s, the last record of %s begins at %s", w.candidate, r.Replay, w.old, w.found.Checkpoint)
		f.Clears = "start " + w.old + " again, so that the rest can be sent"
	default:
		f.Value = fmt.Sprintf("0 B: %s ended at %s, %s has replayed up to %s", w.old, w.found.Checkpoint, w.candidate, r.Replay)
	}
	return f
}

// arrived: every pooler leads to the candidate, and nobody waits.
func (w switching) arrived() bool {
	return !slices.ContainsFunc(w.views, func(v poolerView) bool {
		return v.runErr != nil || v.fileErr != nil || v.running.Paused || v.running.Place != w.journey.to || v.file != w.journey.to
	})
}

// judgeSwitched is pure.
func (w switching) judgeSwitched(memo SwitchoverMemo) pointsman.Evidence {
	r := w.reading(w.candidate)
	ev := judgePromoted(r, PromoteMemo{Candidate: w.candidate, SystemID: memo.SystemID, Timeline: memo.Timeline})
	ev.Facts = append(ev.Facts, w.writers(), w.identity(), w.lossOf(memo))
	if w.journeyErr != nil {
		ev.Facts = append(ev.Facts, w.nowhere())
	}
	for _, v := range w.views {
		ev.Facts = append(ev.Facts, v.arrived(w.journey.to))
		f := w.fact("G18", "clients of "+v.pooler.Name)
		f.Source, f.Value, f.Limit = v.pooler.Name+": SHOW DATABASES", "served", "served"
		if v.running.Paused {
			f.Result, f.Value, f.Clears = pointsman.Fail, v.running.words(), v.running.release(v.pooler.entry(w.Cluster))+" in its console"
			f.Text = fmt.Sprintf("the clients of %s wait: it is still paused", v.pooler.Name)
		}
		ev.Facts = append(ev.Facts, f)
	}
	ev.Facts = append(ev.Facts, w.standbysOf(w.candidate+" runs without a standby", r))
	ev.Holds = len(pointsman.Refusals(ev.Facts)) == 0
	return ev
}

func (w switching) lossOf(memo SwitchoverMemo) pointsman.Fact {
	f := w.fact("G5", "loss of the switchover")
	f.Source, f.Limit = "memo", "0 B"
	if memo.Final == "" {
		f.Kind, f.Result, f.Value = pointsman.Warn, pointsman.Unknown, "not recorded"
		f.Text = "the positions at the switch were not recorded; nothing is promoted before they match"
		return f
	}
	f.Value = fmt.Sprintf("0 B: %s ended at %s, %s had replayed up to %s", memo.Old, memo.Final, memo.Candidate, memo.Fork)
	return f
}
