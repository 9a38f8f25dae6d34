package store

import (
	"context"
	"log/slog"

	"github.com/pointsman/pointsman"
)

// crowded are the events of which a storm has thousands, or a long step one after the other. Everything else is in the program's own
// log as well: whoever looks there first, because nothing arrives or somebody is turned away, must not find silence.
var crowded = map[pointsman.EventType]bool{
	pointsman.EvAlertFiring: true, pointsman.EvAlertResolved: true, pointsman.EvProposalStill: true, pointsman.EvProposalRecheck: true,
	pointsman.EvStepProgress: true, pointsman.EvStepCondition: true, pointsman.EvPageDelivered: true,
}

// grave are the events that somebody should look at.
var grave = map[pointsman.EventType]bool{
	pointsman.EvDoorRefused: true, pointsman.EvVoteRefused: true, pointsman.EvProtectRefused: true, pointsman.EvRunParked: true, pointsman.EvStepUnknown: true,
	pointsman.EvStepNotUndone: true, pointsman.EvTargetAlarm: true, pointsman.EvPageUndelivered: true, pointsman.EvDeliveryLost: true,
}

// journal writes what was just put on record into the program's own log.
func (s *Store) journal(ctx context.Context, events []pointsman.Event) {
	for _, ev := range events {
		level := slog.LevelInfo
		if grave[ev.Type] {
			level = slog.LevelWarn
		}
		if crowded[ev.Type] || !s.log.Enabled(ctx, level) {
			continue
		}
		s.log.Log(ctx, level, "on record", "type", ev.Type, "incident", ev.Incident, "run", ev.Run, "by", ev.Actor.String(), "text", ev.Text)
	}
}
