// Package killswitch engages, releases and watches kill switches that are rows of a PostgreSQL table: the kinds
// killswitch.engage, killswitch.release and killswitch.verify, and the [Watcher] behind them.
//
// Engaging is fast and is never refused by what is not known; releasing is slow and refused by everything that is not
// known. A switch that was not read for too long counts as engaged. What makes a switch stale is the time since the
// last successful read, never the age of its row: a row that nobody touched for months is fine.
package killswitch
