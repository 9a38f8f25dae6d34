package app

import (
	"context"
	"fmt"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/killswitch"
)

// switchChanged puts it on record, and so into the channel, when a kill switch counts as something else than before: by our
// own hand, by somebody else's, or because it could not be read for too long and so counts as engaged. What it is found to be
// at a start is on record only. It is given again after an error; an entry that comes late says from when it is.
func (a *App) switchChanged(ctx context.Context, s killswitch.Status) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteWithin)
	defer cancel()
	by := pointsman.Actor{Door: pointsman.DoorEngine, Ref: ownerName()}
	text := "kill switch " + s.Text()
	if s.Late > noteWithin {
		text += fmt.Sprintf("; that was %s ago, the record could not be written", pointsman.Span(s.Late))
	}
	if s.Was == "" {
		return a.store.Note(ctx, pointsman.Event{Type: pointsman.EvServerState, Actor: by, Target: "killswitch/" + s.Name, Text: text})
	}
	c := pointsman.TellSwitch{Switch: s.Name, State: string(s.State), Text: text, By: by}
	switch {
	case s.State == killswitch.Stale || s.Was == killswitch.Stale:
		c.Text += "; so it is for " + by.Ref // another replica may read it all the while
	case s.Rose:
		// One of the replicas tells it. Where the row's time did not rise, a write was lost or a hand left it as it was: that
		// time may have been told before, and each tells what it sees rather than none.
		c.Once = fmt.Sprintf("switch/%s/%s/%d", s.Name, s.State, s.Since.UnixMicro())
	}
	_, err := a.store.Do(ctx, c)
	return err
}
