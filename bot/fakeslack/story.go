package fakeslack

import "context"

// TB is what a story needs of *testing.T.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Context() context.Context
}

// Story drives the workspace in a test: the same verbs as [Channel] and [Message], where whatever does not happen fails
// the test. Waiting ends with the test's context; wrap it with a deadline through [Story.Within].
type Story struct {
	t     TB
	ctx   context.Context
	slack *Slack
}

// Story starts a story that ends the test t at the first thing that goes wrong.
func (s *Slack) Story(t TB) Story { return Story{t: t, ctx: t.Context(), slack: s} }

// Within is the story with a deadline for its waits.
func (y Story) Within(ctx context.Context) Story { y.ctx = ctx; return y }

// Place is a channel in a story.
type Place struct {
	Story
	Channel
}

// Card is a message in a story.
type Card struct {
	Story
	Message
}

// Channel names a channel of the story.
func (y Story) Channel(id string) Place { return Place{Story: y, Channel: y.slack.Channel(id)} }

func (y Story) card(m Message, err error) Card {
	y.t.Helper()
	if err != nil {
		y.t.Fatalf("%v", err)
	}
	return Card{Story: y, Message: m}
}

// WaitMessage waits for a message outside threads that says all the texts.
func (p Place) WaitMessage(says ...string) Card {
	p.t.Helper()
	return p.card(p.Channel.WaitMessage(p.ctx, says...))
}

// WaitEphemeral waits for a message that only this user sees.
func (p Place) WaitEphemeral(user string, says ...string) Card {
	p.t.Helper()
	return p.card(p.Channel.WaitEphemeral(p.ctx, user, says...))
}

// Slash types a command into the channel, which the app must take with a 2xx.
func (p Place) Slash(user, command, text string) Reply {
	p.t.Helper()
	r, err := p.slack().Slash(p.ctx, user, p.Channel.id, command, text)
	return p.taken(command+" "+text, r, err)
}

func (p Place) slack() *Slack { return p.Channel.slack }

// Click presses a button, which the app must take with a 2xx.
func (c Card) Click(user, target string) Reply {
	c.t.Helper()
	r, err := c.Message.Click(c.ctx, user, target)
	return c.taken("click on "+target, r, err)
}

// WaitText waits until the message says all the texts.
func (c Card) WaitText(says ...string) Card {
	c.t.Helper()
	return c.card(c.Message.WaitText(c.ctx, says...))
}

// WaitReply waits for a reply in the thread that says all the texts.
func (c Card) WaitReply(says ...string) Card {
	c.t.Helper()
	return c.card(c.Message.WaitReply(c.ctx, says...))
}

// WaitView waits for a modal on the user's screen.
func (y Story) WaitView(user string, says ...string) View {
	y.t.Helper()
	v, err := y.slack.WaitView(y.ctx, user, says...)
	if err != nil {
		y.t.Fatalf("%v", err)
	}
	return v
}

// Submit fills in and submits a modal, which the app must take with a 2xx.
func (y Story) Submit(v View, values map[string]string) Reply {
	y.t.Helper()
	r, err := y.slack.SubmitView(y.ctx, v.User, v.ID, values)
	return y.taken("submit of "+v.Title, r, err)
}

func (y Story) taken(what string, r Reply, err error) Reply {
	y.t.Helper()
	if err != nil || r.Status < 200 || r.Status > 299 {
		y.t.Fatalf("%s: status %d %s, error %v", what, r.Status, r.Body, err)
	}
	return r
}
