package fakeslack

import (
	"net/http"
	"time"
)

// Config describes the workspace, the app installed in it, and how the app is reached. The zero value of every field has
// a usable default, so a test names only what it is about.
type Config struct {
	BotToken      string   // default "xoxb-fake-bot-token"
	AppToken      string   // app-level token of Socket Mode, default "xapp-fake-app-token"
	SigningSecret string   // signs what is sent to the app, default "fake-signing-secret"
	Scopes        []string // scopes of the bot token; empty means all, otherwise missing_scope is answered

	TeamID     string // default "T0POINTS"
	TeamName   string // default "Railway"
	TeamDomain string // default "railway"
	AppID      string // default "A0POINTS"
	AppName    string // the app's name on the page, default "Pointsman"
	AppIcon    string // an emoji, the app's picture on the page, default "🛤️"
	BotUserID  string // default "U0BOT"
	BotID      string // default "B0BOT"

	Channels []ChannelConfig
	Users    []User

	BaseURL          string // where this Slack is reached, without a slash at the end; default is the host of the last API call
	CommandURL       string // the app's request URL of slash commands; empty means Socket Mode
	InteractivityURL string // the app's request URL of clicks and modals; empty means Socket Mode

	Client     *http.Client     // sends to the app; default a client without a proxy
	AckWithin  time.Duration    // how long the app may take to acknowledge; default Slack's 3 s
	RetryAfter time.Duration    // said in answers 429 that FailNext asks for; default 1 s
	Now        func() time.Time // default time.Now
	Location   *time.Location   // time zone of the page; default UTC
}

// ChannelConfig is a channel as it stands when the workspace opens.
type ChannelConfig struct {
	ID, Name, Topic string
	Private         bool
	Archived        bool     // posting answers is_archived
	WithoutApp      bool     // the app is not a member: posting answers not_in_channel
	Members         []string // user ids; empty means every user of the workspace
}

// User is a person of the workspace.
type User struct {
	ID    string
	Name  string // the handle, "ana"
	Real  string // "Ana Souza"
	Title string // "Database on call"
	Email string
	Away  bool // deactivated: users.info says deleted, and the user cannot click
}

func (c Config) withDefaults() Config {
	text := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	text(&c.BotToken, "xoxb-fake-bot-token")
	text(&c.AppToken, "xapp-fake-app-token")
	text(&c.SigningSecret, "fake-signing-secret")
	text(&c.TeamID, "T0POINTS")
	text(&c.TeamName, "Railway")
	text(&c.TeamDomain, "railway")
	text(&c.AppID, "A0POINTS")
	text(&c.AppName, "Pointsman")
	text(&c.AppIcon, "🛤️")
	text(&c.BotUserID, "U0BOT")
	text(&c.BotID, "B0BOT")
	if c.Client == nil {
		// The app is on this machine; a proxy from the environment would only be in the way.
		c.Client = &http.Client{Transport: &http.Transport{Proxy: nil}}
	}
	if c.AckWithin == 0 {
		c.AckWithin = 3 * time.Second // https://docs.slack.dev/interactivity/handling-user-interaction
	}
	if c.RetryAfter == 0 {
		c.RetryAfter = time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Location == nil {
		c.Location = time.UTC
	}
	if len(c.Users) == 0 {
		c.Users = []User{{ID: "U0ANA", Name: "ana", Real: "Ana Souza", Title: "Database on call"}}
	}
	if len(c.Channels) == 0 {
		c.Channels = []ChannelConfig{{ID: "C0INC", Name: "incidents", Topic: "What is broken, and who decides"}}
	}
	return c
}
