package killswitch

import "github.com/pointsman/pointsman/actions"

// A brake works whoever holds the lock of what, and so does letting it go; but a release heeds the windows of its switch.
var (
	_ actions.Frugal = engage{}
	_ actions.Frugal = release{}
	_ actions.Frugal = verify{}
)

// Needs implements actions.Frugal.
func (engage) Needs() (target, lock bool) { return false, false }

// Needs implements actions.Frugal.
func (release) Needs() (target, lock bool) { return true, false }

// Needs implements actions.Frugal: it only looks.
func (verify) Needs() (target, lock bool) { return false, false }
