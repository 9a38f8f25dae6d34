package sim

import (
	"slices"
	"time"
)

// chance is where all luck of one schedule comes from: a number depends on the seed, the place and the virtual time,
// and on nothing else, so the same seed is the same history.
type chance struct {
	seed  uint64
	start time.Time
	storm time.Duration // how long faults happen; after it everything may come to rest
}

// since is the virtual time of the schedule.
func (c *chance) since() time.Duration { return time.Since(c.start) }

// draw is a number below n.
func (c *chance) draw(n int, place ...string) int {
	return int(c.hash(uint64(c.since()), place) % uint64(n))
}

// span is a duration below longest.
func (c *chance) span(longest time.Duration, place ...string) time.Duration {
	return time.Duration(c.draw(int(longest), place...))
}

// strikes says whether a fault of the given probability happens here and now.
func (c *chance) strikes(percent int, place ...string) bool {
	return c.since() < c.storm && c.draw(100, place...) < percent
}

// hash is FNV-1a with a finalizer, by hand because it is what a schedule does most.
func (c *chance) hash(at uint64, place []string) uint64 {
	h := uint64(14695981039346656037) ^ c.seed*0x9E3779B97F4A7C15
	for _, s := range place {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
	}
	h ^= at * 0xBF58476D1CE4E5B9
	h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
	h = (h ^ h>>27) * 0x94D049BB133111EB
	return h ^ h>>31
}

// lanes keep goroutines apart: whoever waits wakes at a nanosecond of its own lane. Two that woke at the same instant
// would run in an order that no seed decides.
const lanes = 8192

// moment is a random wait below longest that ends in the lane of the place.
func (c *chance) moment(longest time.Duration, place ...string) time.Duration {
	lane := int64(c.hash(0, place) % lanes)
	end := int64(c.since() + c.span(longest, place...))
	return time.Duration(end - end%lanes + lanes + lane - int64(c.since()))
}

// window is a time in which something is out of order.
type window struct{ from, to time.Duration }

func (c *chance) windows(n int, longest time.Duration, place ...string) []window {
	var out []window
	for i := range c.draw(n+1, append(place, "count")...) {
		at := append(place[:len(place):len(place)], string(rune('a'+i)))
		from := c.span(c.storm, append(at, "from")...)
		out = append(out, window{from, from + c.span(longest, append(at, "for")...)})
	}
	return out
}

func within(in []window, at time.Duration) bool {
	return slices.ContainsFunc(in, func(w window) bool { return at >= w.from && at < w.to })
}
