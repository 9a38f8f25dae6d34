// Package postgres holds the action kinds for PostgreSQL clusters with streaming replication: check, fence, promote,
// verify and lag.
//
// Reading and judging are apart. A look reads all nodes and vantage points beside each other, each with a deadline; the
// judge functions are pure and turn what was read into facts. Every effect is judged again right before it happens.
package postgres
