// Package pointsman holds the nouns of the program and the rules that bind them: alerts and incidents, runbooks and
// plans, approvals, runs and their steps, the events of the log.
//
// One pure function, [Decide], makes every change: it takes the state of one incident, a command and the time, and
// returns the new state, the events to append and the answer for whoever asked. Nothing here does I/O, reads a clock
// or starts a goroutine, and only the standard library is imported, so the tests and simulations run the very code
// that production runs.
//
// The rooms (alerts, actions, bot, comms, store) import this package and never each other; cmd plugs them together.
package pointsman
