// Package configs reads what people write: one configuration file, the environment and flags, and runbooks.
//
// It reports everything that is wrong at once, each with file, line, path, value and what to do about it. It knows the
// words of every section but does nothing with them: the rooms own the Config types, cmd builds the rooms.
package configs
