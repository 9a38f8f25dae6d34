// Package fakeslack is a Slack workspace inside the process: the Web API, Socket Mode, response URLs and signed
// interactions, and a web page that shows the channels as a person would see them.
//
// It is strict. What Slack refuses, it refuses with the same error code: blocks beyond the limits, a styled button of an
// unknown colour, a trigger used twice, an edit of a message that is not there. Tests drive it with the verbs of
// [Channel], [Message] and [Story]; the demo serves it as its local Slack stand-in.
//
// It keeps everything in memory, knows one workspace and one app, and implements only the methods this program calls;
// any other method answers unknown_method.
package fakeslack
