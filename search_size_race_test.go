//go:build race

package pointsman

// usualStates under the race detector; the whole search runs without it.
const usualStates = 100

const leastStates = 0
