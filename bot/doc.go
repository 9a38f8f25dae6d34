// Package bot is Slack: one card per incident that is edited in place, the clicks on it, the slash command, and the
// way out by which the log's events reach the channel. It is the only package that knows the Slack SDK.
//
// A request is verified, parsed, given to the store as a command, and acknowledged after the commit; what the person
// is told comes from the command's answer. What a button carries says which proposal the person saw and never what
// they may do. Cards are pure functions of the state, so that what is shown can be tested without Slack.
//
// Everything that came with an alert is a stranger's text: it is cleaned, escaped and cut in text.go, once.
package bot
