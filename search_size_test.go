//go:build !race

package pointsman

// usualStates is how many states each search visits; make test runs the searches without the race detector, because
// under it they are twenty times slower and no wiser.
const usualStates = 18_000

// leastStates is how many all searches visit together at least.
const leastStates = 40_000
