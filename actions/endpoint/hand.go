package endpoint

import (
	"github.com/pointsman/pointsman/actions"
)

// ByHand implements actions.Handy.
func (k Switch) ByHand(in actions.Input) (do, undo []string) {
	w, err := k.way(in)
	if err != nil {
		return nil, nil
	}
	return []string{w.target.byHand(w.from, w.to)}, []string{w.target.byHand(w.to, w.from)}
}

// byHand is the command, or the words for an editor: the value may be a whole URL with a password, of which a person
// must keep the rest.
func (t Target) byHand(from, to Place) string {
	if t.File == "" {
		return actions.Shell(t.setting(from.Address, to.Address)...)
	}
	return actions.Remark("in %s, in the value of %s: replace %s with %s", t.File, t.Variable, from.Address, to.Address)
}
