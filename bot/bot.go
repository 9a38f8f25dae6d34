package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// Decider carries out a command and answers after its commit. The error says that nothing could be decided.
type Decider interface {
	Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error)
}

// Reader reads what a card and a status need.
type Reader interface {
	State(ctx context.Context, incident string) (pointsman.State, error)
	Incidents(ctx context.Context, open bool, limit int) ([]pointsman.Incident, error)
	// Ref is what Slack called the last delivery to a destination of an incident: "C0INC/1763697600.000100".
	Ref(ctx context.Context, follower, incident, destination string) (ref string, found bool, err error)
}

// Noter appends events that belong to no incident, such as a request that was turned away.
type Noter interface {
	Note(ctx context.Context, events ...pointsman.Event) error
}

// People finds the configured person behind an account, by the user's own team and id.
type People interface {
	BySlack(team, user string) (pointsman.Person, bool)
}

// Desk knows the runbooks.
type Desk interface {
	Runbooks() []pointsman.Runbook
	// Offer resolves "postgres-failover orders" or "… cluster=orders". The error is one sentence for the person.
	Offer(runbook string, args []string) (pointsman.Offer, error)
}

// Switches are the kill switches. Engage and Release answer like a command; once names the request.
type Switches interface {
	Status(ctx context.Context) ([]Switch, error)
	Engage(ctx context.Context, name, reason string, by pointsman.Actor, once string) (pointsman.Answer, error)
	Release(ctx context.Context, name, reason string, by pointsman.Actor, once string) (pointsman.Answer, error)
}

// Holds locks and unlocks targets, freezes and unfreezes everything.
type Holds interface {
	Held(ctx context.Context) (pointsman.Held, error)
	// Protect finds the target as typed; it is empty for freeze and unfreeze.
	Protect(ctx context.Context, target string, c pointsman.Protect) (pointsman.Answer, error)
}

// Switch is a kill switch as last read. A stale one counts as engaged.
type Switch struct {
	Name    string
	Engaged bool
	Stale   bool
	Reason  string
	Text    string // one sentence: who, since when, measured when
}

// Deps are what the bot needs of the rest of the program. Log, Metrics and Transport may be nil, and Pages where there is no
// pager: then cards say that nobody can be paged.
type Deps struct {
	Store     Decider
	Read      Reader
	Pages     Pages
	Notes     Noter
	People    People
	Crew      Crew // nil: nobody is mentioned
	Desk      Desk
	Switches  Switches
	Holds     Holds
	Now       func() time.Time // the store's clock; default time.Now
	Log       *slog.Logger
	Metrics   prometheus.Registerer
	Transport http.RoundTripper // for Slack's API and response addresses; default http.DefaultTransport
}

// Bot is Slack, with three sides: Sender is the way out, Handler the doors over HTTP, Listen the door of Socket Mode.
type Bot struct {
	Sender  *Sender
	Handler *Handler

	cfg Config
	api *slack.Client
	log *slog.Logger
}

// callTimeout bounds one call to Slack.
const callTimeout = 9 * time.Second

// New makes the bot. It reads the secrets' files and checks the section; nothing is sent yet.
func New(cfg Config, d Deps) (*Bot, error) {
	if faults := cfg.Validate(); len(faults) > 0 {
		errs := make([]error, len(faults))
		for i, f := range faults {
			errs[i] = fmt.Errorf("slack.%w", f)
		}
		return nil, errors.Join(errs...)
	}
	keys, err := cfg.secrets()
	if err != nil {
		return nil, err
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Transport == nil {
		d.Transport = http.DefaultTransport
	}
	// No redirects: an answer goes to the address that was allowed, and nowhere else.
	client := &http.Client{Transport: lastMoment{d.Transport}, Timeout: callTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	options := []slack.Option{slack.OptionHTTPClient(client), slack.OptionAppLevelToken(keys.app)}
	if cfg.APIURL != "" {
		options = append(options, slack.OptionAPIURL(strings.TrimSuffix(cfg.APIURL, "/")+"/"))
	}
	api := slack.New(keys.bot, options...)
	m := newMetrics(d.Metrics)
	b := &Bot{cfg: cfg, api: api, log: d.Log}
	b.Sender = &Sender{api: api, channel: cfg.Channel, read: d.Read, pages: d.Pages, now: d.Now, pace: newPace(cfg.PostsPerSecond), metrics: m, log: d.Log}
	if cfg.Mentions == nil || *cfg.Mentions {
		b.Sender.crew, b.Sender.team = d.Crew, cfg.Team
	}
	b.Handler = &Handler{
		deps: d, api: api, team: cfg.Team, channel: cfg.Channel, signing: keys.signing, metrics: m, log: d.Log,
		replies: newReplies(cfg, api, client, d.Log), refused: newRefusals(d.Notes, d.Log), played: newReplays(), often: newOften(),
	}
	return b, nil
}
