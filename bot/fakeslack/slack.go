package fakeslack

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Slack is one workspace. It is an http.Handler: the Web API under /api/, and under /from/NAME/api/ for
// callers that are to be told apart; the page at /. Safe for concurrent use.
type Slack struct {
	cfg   Config
	pages http.Handler
	done  chan struct{}

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced with every change; see wait
	lastTS   int64
	serial   int
	rooms    []*room
	users    []User
	triggers map[string]*trigger
	views    []*View
	hooks    map[string]*hook
	sockets  []*socket
	tickets  map[string]bool
	pending  map[string]chan []byte // Socket Mode envelopes that wait for their acknowledgement
	faults   map[string]*fault
	calls    []Call
	limit    *postLimit
	tamper   *Tamper
	last     *delivery
}

// room is a channel with everything said in it, oldest first.
type room struct {
	ChannelConfig
	direct   string // the user of a direct message channel
	messages []*Message
}

// New opens a workspace. Close ends its connections.
func New(cfg Config) *Slack {
	s := &Slack{
		cfg:      cfg.withDefaults(),
		done:     make(chan struct{}),
		changed:  make(chan struct{}),
		triggers: map[string]*trigger{},
		hooks:    map[string]*hook{},
		tickets:  map[string]bool{},
		pending:  map[string]chan []byte{},
		faults:   map[string]*fault{},
	}
	s.users = slices.Clone(s.cfg.Users)
	for _, c := range s.cfg.Channels {
		s.rooms = append(s.rooms, &room{ChannelConfig: c})
	}
	s.pages = s.routes()
	return s
}

// ServeHTTP answers the Web API, Socket Mode, response URLs and the page.
func (s *Slack) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.pages.ServeHTTP(w, r) }

// Close drops the Socket Mode connections and everything that hangs on purpose.
func (s *Slack) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.done:
	default:
		close(s.done)
	}
	for _, c := range s.sockets {
		c.conn.Close()
	}
}

// SetBaseURL says where this Slack is reached ("http://127.0.0.1:4390"): response URLs, links and sockets start with it.
func (s *Slack) SetBaseURL(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.BaseURL = strings.TrimSuffix(url, "/")
}

// SetRequestURLs says where the app takes slash commands and interactions; empty strings mean Socket Mode.
func (s *Slack) SetRequestURLs(commands, interactivity string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.CommandURL, s.cfg.InteractivityURL = commands, interactivity
}

// Config returns the configuration in force, defaults filled in: tokens and secret for the app under test.
func (s *Slack) Config() Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg
}

// notify wakes everybody who waits. The caller holds mu.
func (s *Slack) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// wait blocks until holds is true; it is asked with mu held, at once and after every change. What was awaited is said in
// the error when ctx ends first.
func (s *Slack) wait(ctx context.Context, what string, holds func() bool) error {
	for {
		s.mu.Lock()
		ok, changed := holds(), s.changed
		s.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		}
	}
}

// stamp is the next message timestamp: seconds and microseconds, unique in the workspace and rising, also when the clock
// stands still as it does in a synctest bubble.
func (s *Slack) stamp() string {
	s.lastTS = max(s.cfg.Now().UnixMicro(), s.lastTS) + 100
	return formatTS(s.lastTS)
}

func formatTS(micros int64) string {
	return fmt.Sprintf("%d.%06d", micros/1e6, micros%1e6)
}

func parseTS(ts string) (time.Time, bool) {
	var sec, micro int64
	whole, part, ok := strings.Cut(ts, ".")
	if !ok || len(part) != 6 {
		return time.Time{}, false
	}
	if _, err := fmt.Sscanf(whole+" "+part, "%d %d", &sec, &micro); err != nil {
		return time.Time{}, false
	}
	return time.Unix(sec, micro*1000), true
}

// next makes an id of the given prefix, unique in the workspace.
func (s *Slack) next(prefix string) string {
	s.serial++
	return fmt.Sprintf("%s%05d", prefix, s.serial)
}

func (s *Slack) user(id string) (User, bool) {
	for _, u := range s.users {
		if u.ID == id {
			return u, true
		}
	}
	return User{}, false
}

// room finds a channel by id or "#name", or opens the direct message channel of a user id.
func (s *Slack) room(id string) *room {
	for _, c := range s.rooms {
		if c.ID == id || "#"+c.Name == id && c.direct == "" || c.direct == id && id != "" {
			return c
		}
	}
	u, ok := s.user(id)
	if !ok {
		return nil
	}
	c := &room{ChannelConfig: ChannelConfig{ID: "D" + u.ID[1:], Name: u.Name, Private: true, Members: []string{u.ID}}, direct: u.ID}
	s.rooms = append(s.rooms, c)
	return c
}

func (c *room) has(user string) bool {
	return len(c.Members) == 0 || slices.Contains(c.Members, user)
}

func (c *room) find(ts string) *Message {
	for _, m := range c.messages {
		if m.TS == ts {
			return m
		}
	}
	return nil
}
