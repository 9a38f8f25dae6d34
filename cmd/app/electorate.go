package app

import (
	"context"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/store"
)

// electorate is the store as the doors see it: with each decision it says who is configured at this moment, and what stands
// refused is checked again for whoever asks for it, so that no door can forget either. The engine says who is configured when
// it begins a run.
type electorate struct {
	*store.Store
	catalog *Catalog
}

// Do implements bot.Store and api.Store.
func (e electorate) Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	switch c := cmd.(type) {
	case pointsman.CastVote:
		c.People = e.people()
		res, err := e.Store.Do(ctx, c)
		return refusedBefore(c, res), err
	case pointsman.Request:
		return e.request(ctx, c)
	case pointsman.Steer:
		c.People = e.people()
		cmd = c
	}
	return e.Store.Do(ctx, cmd)
}

func (e electorate) people() map[string]pointsman.Person {
	out := map[string]pointsman.Person{}
	for _, p := range e.catalog.People() {
		out[p.ID] = p
	}
	return out
}
