package fakeslack

import (
	"context"
	"time"
)

// TB is what a story needs of *testing.T.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Context() context.Context
}

// Story drives the workspace in a test: the same verbs as [Channel] and [Message], where whatever does not happen fails
// the test. Each wait ends with the test's context, or sooner after [Story.Patient].
type Story struct {
	t        TB
	slack    *Slack
	patience time.Duration
}

// Story starts a story that ends the test t at the first thing that goes wrong.
func (s *Slack) Story(t TB) Story { return Story{t: t, slack: s} }

// Patient is the story whose single waits give up after d. It is not a limit of the whole story: what never happens is
// then said long before the limit of the test binary, which would name no text at all.
func (y Story) Patient(d time.Duration) Story { y.patience = d; return y }

// within is the context of one wait.
func (y Story) within() (context.Context, context.CancelFunc) {
	if y.patience == 0 {
		return y.t.Context(), func() {}
	}
	return context.WithTimeout(y.t.Context(), y.patience)
}

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
	ctx, cancel := p.within()
	defer cancel()
	return p.card(p.Channel.WaitMessage(ctx, says...))
}

// WaitEphemeral waits for a message that only this user sees.
func (p Place) WaitEphemeral(user string, says ...string) Card {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	return p.card(p.Channel.WaitEphemeral(ctx, user, says...))
}

// Slash types a command into the channel, which the app must take with a 2xx.
func (p Place) Slash(user, command, text string) Reply {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	r, err := p.slack().Slash(ctx, user, p.Channel.id, command, text)
	return p.taken(command+" "+text, r, err)
}

func (p Place) slack() *Slack { return p.Channel.slack }

// Click presses a button, which the app must take with a 2xx.
func (c Card) Click(user, target string) Reply {
	c.t.Helper()
	ctx, cancel := c.within()
	defer cancel()
	r, err := c.Message.Click(ctx, user, target)
	return c.taken("click on "+target, r, err)
}

// WaitText waits until the message says all the texts.
func (c Card) WaitText(says ...string) Card {
	c.t.Helper()
	ctx, cancel := c.within()
	defer cancel()
	return c.card(c.Message.WaitText(ctx, says...))
}

// WaitReply waits for a reply in the thread that says all the texts.
func (c Card) WaitReply(says ...string) Card {
	c.t.Helper()
	ctx, cancel := c.within()
	defer cancel()
	return c.card(c.Message.WaitReply(ctx, says...))
}

// WaitView waits for a modal on the user's screen.
func (y Story) WaitView(user string, says ...string) View {
	y.t.Helper()
	ctx, cancel := y.within()
	defer cancel()
	v, err := y.slack.WaitView(ctx, user, says...)
	if err != nil {
		y.t.Fatalf("%v", err)
	}
	return v
}

// Submit fills in and submits a modal, which the app must take with a 2xx.
func (y Story) Submit(v View, values map[string]string) Reply {
	y.t.Helper()
	ctx, cancel := y.within()
	defer cancel()
	r, err := y.slack.SubmitView(ctx, v.User, v.ID, values)
	return y.taken("submit of "+v.Title, r, err)
}

func (y Story) taken(what string, r Reply, err error) Reply {
	y.t.Helper()
	if err != nil || r.Status < 200 || r.Status > 299 {
		y.t.Fatalf("%s: status %d %s, error %v", what, r.Status, r.Body, err)
	}
	return r
}
