package bot

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// often bounds what one account may ask for: a stuck key or a script must not fill the log, which keeps everything.
type often struct {
	mu   sync.Mutex
	pace map[string]*rate.Limiter
}

// Ten requests at once and ten more in each minute. Nobody decides faster than that.
const (
	clickBurst = 10
	clickEvery = 6 * time.Second
)

// mostAccounts bounds the memory; a workspace has fewer people who press buttons.
const mostAccounts = 10_000

func newOften() *often { return &often{pace: map[string]*rate.Limiter{}} }

// may reports whether the account may ask for one more thing now.
func (o *often) may(account string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	l, ok := o.pace[account]
	if !ok {
		if len(o.pace) >= mostAccounts {
			clear(o.pace)
		}
		l = rate.NewLimiter(rate.Every(clickEvery), clickBurst)
		o.pace[account] = l
	}
	return l.Allow()
}
