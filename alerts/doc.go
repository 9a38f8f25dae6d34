// Package alerts is the door for Alertmanager: it takes webhooks, finds out which incident each alert belongs to and
// which runbooks answer it, and stores that with one command per incident before it says 200.
//
// It never asks the outside world anything and never runs anything. Labels and annotations come from strangers: here
// they are only compared with configured matchers and values, and handed on as data.
//
// Two things are built by cmd: a Router (what the configuration says) and a Handler (the HTTP endpoint).
package alerts
