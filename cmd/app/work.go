package app

import "github.com/pointsman/pointsman/store"

// work is the store as the engine sees it: it is woken at once where a run lies ready for it.
type work struct{ *store.Store }

// Changed implements actions.Runs.
func (w work) Changed() <-chan struct{} { return w.Handed() }
