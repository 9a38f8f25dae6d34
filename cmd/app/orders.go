package app

import (
	"context"
	"fmt"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/killswitch"
)

// orders finds engages that nobody carries out any more: the vote of an engage waits in the process that took the order, and
// is lost with it. Nobody may believe that something is stopped which goes on.
type orders struct {
	store interface {
		Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error)
		Checking(ctx context.Context, after string) (some []pointsman.Proposal, next string, err error)
		Undecided(ctx context.Context) ([]pointsman.Proposal, error)
	}
	now  func() time.Time // the store's clock
	warn func(msg string, args ...any)
}

// ordersEvery is how often it is looked; overdue is the age at which the process that took an order has given up.
const (
	ordersEvery = 30 * time.Second
	overdue     = patience + 10*time.Second
)

// watch works until the context ends, the first time at once: that is where a restart finds what was lost.
func (o orders) watch(ctx context.Context) error {
	tick := time.NewTicker(ordersEvery)
	defer tick.Stop()
	for {
		if err := o.tell(ctx, o.now()); err != nil && ctx.Err() == nil {
			o.warn("orders to engage not looked for", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// tell says once, for everybody to read, which order was not carried out and how to go on.
func (o orders) tell(ctx context.Context, now time.Time) error {
	checking, after, err := o.store.Checking(ctx, "")
	for err == nil && after != "" { // in a storm there are more than it gives at once
		var more []pointsman.Proposal
		more, after, err = o.store.Checking(ctx, after)
		checking = append(checking, more...)
	}
	if err != nil {
		return err
	}
	undecided, err := o.store.Undecided(ctx)
	if err != nil {
		return err
	}
	for _, p := range append(checking, undecided...) {
		why := "its checks have not come back"
		if p.State == pointsman.ProposalReady {
			why = "nobody approved it; the server may have stopped in between"
		}
		refused := p.State == pointsman.ProposalRefused || p.Already != "" // said on the card
		if p.Runbook != killswitch.EngageRunbook || !p.Requester.Known() || len(p.Votes) > 0 || refused || now.Sub(p.RequestedAt) < overdue {
			continue
		}
		_, err := o.store.Do(ctx, pointsman.WriteUpdate{
			Incident: pointsman.IncidentOf(p.ID), By: pointsman.Actor{Door: pointsman.DoorEngine}, Once: orderOnce(p.ID),
			Text: fmt.Sprintf("%s is NOT known to be engaged: %s ordered it at %s, and %s. Approve %s on its card, or repeat: /pointsman killswitch engage %s",
				p.Target.Name, p.Requester, pointsman.Clock(p.RequestedAt), why, p.ID, p.Target.Name),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// orderOnce names what is told of an order that did not decide: it is told once, whoever finds it.
func orderOnce(proposal string) string { return "order/" + proposal }
