// Package endpoint changes by which address an application reaches a server: a variable of an environment file, or
// whatever a configured command sets. Always by compare-and-set, never to nothing.
package endpoint
