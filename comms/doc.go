// Package comms says what happened to whoever must know it: it turns the log into deliveries and sees each one
// through, whatever fails on the way.
//
// The [Dispatcher] follows the log once per [Way] out. What is to be said is a row before it is sent, so a crash
// forgets nothing; lanes keep the order within one place, and no way waits for another. The [Clock] makes happen what
// is due by time. One sub-package per way out; Slack's is in the room of the bot and is plugged in by cmd.
package comms
