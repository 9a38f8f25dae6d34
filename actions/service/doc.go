// Package service checks and restarts services: the kinds http.check, which looks at the configured health addresses,
// and exec.run, which runs one of the configured commands. What a run does is chosen by name from the configuration;
// no label, message or argument of a runbook ever becomes part of a URL or of a command line.
package service
