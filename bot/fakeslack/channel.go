package fakeslack

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Channel is a channel as seen from outside: a place to wait for messages.
type Channel struct {
	slack *Slack
	id    string
}

// Channel names a channel by id, by "#name", or a person's direct messages by the user id.
func (s *Slack) Channel(id string) Channel { return Channel{slack: s, id: id} }

// Messages lists what everybody sees in the channel, replies included, oldest first.
func (c Channel) Messages() []Message {
	return c.pick(func(m *Message) bool { return m.OnlyTo == "" })
}

// Ephemerals lists what only this user sees, oldest first.
func (c Channel) Ephemerals(user string) []Message {
	return c.pick(func(m *Message) bool { return m.OnlyTo == user })
}

// Thread lists the replies below a message, oldest first.
func (c Channel) Thread(ts string) []Message {
	return c.pick(func(m *Message) bool { return m.OnlyTo == "" && m.ThreadTS == ts })
}

func (c Channel) pick(want func(*Message) bool) (out []Message) {
	c.slack.mu.Lock()
	defer c.slack.mu.Unlock()
	if room := c.slack.room(c.id); room != nil {
		for _, m := range room.messages {
			if want(m) {
				out = append(out, m.clone())
			}
		}
	}
	return out
}

// WaitMessage waits for a message outside threads that says all the texts; the newest one if several do.
func (c Channel) WaitMessage(ctx context.Context, says ...string) (Message, error) {
	return c.await(ctx, "message", says, func(m *Message) bool { return m.OnlyTo == "" && m.ThreadTS == "" })
}

// WaitReply waits for a message in the thread of ts that says all the texts.
func (c Channel) WaitReply(ctx context.Context, ts string, says ...string) (Message, error) {
	return c.await(ctx, "reply", says, func(m *Message) bool { return m.OnlyTo == "" && m.ThreadTS == ts })
}

// WaitEphemeral waits for a message that only this user sees and that says all the texts.
func (c Channel) WaitEphemeral(ctx context.Context, user string, says ...string) (Message, error) {
	return c.await(ctx, "ephemeral message", says, func(m *Message) bool { return m.OnlyTo == user })
}

func (c Channel) await(ctx context.Context, what string, says []string, want func(*Message) bool) (Message, error) {
	var found Message
	err := c.slack.wait(ctx, "", func() bool {
		room := c.slack.room(c.id)
		if room == nil {
			return false
		}
		for _, m := range slices.Backward(room.messages) {
			if want(m) && m.Says(says...) {
				found = m.clone()
				return true
			}
		}
		return false
	})
	if err != nil {
		return found, fmt.Errorf("channel %s: no %s says %q%w; it says:\n%s", c.id, what, says, err, c.String())
	}
	return found, nil
}

// String writes the channel down as text, for the message of a failed test.
func (c Channel) String() string {
	var out strings.Builder
	for _, m := range c.pick(func(*Message) bool { return true }) {
		fmt.Fprintf(&out, "%s %s", m.TS, m.User)
		if m.ThreadTS != "" {
			fmt.Fprintf(&out, " in thread %s", m.ThreadTS)
		}
		if m.OnlyTo != "" {
			fmt.Fprintf(&out, " only to %s", m.OnlyTo)
		}
		fmt.Fprintf(&out, "\n    %s\n", strings.ReplaceAll(m.Visible(), "\n", "\n    "))
	}
	return out.String()
}

// Click presses a button of the message; see [Slack.Click].
func (m Message) Click(ctx context.Context, user, target string) (Reply, error) {
	return m.slack.Click(ctx, user, m.Channel, m.TS, target)
}

// Now is the message as it stands now; deleted ones come back without text and blocks.
func (m Message) Now() Message {
	m.slack.mu.Lock()
	defer m.slack.mu.Unlock()
	if room := m.slack.room(m.Channel); room != nil {
		if now := room.find(m.TS); now != nil {
			return now.clone()
		}
	}
	return Message{Channel: m.Channel, TS: m.TS, slack: m.slack}
}

// WaitText waits until the message, edited if need be, says all the texts.
func (m Message) WaitText(ctx context.Context, says ...string) (Message, error) {
	return m.WaitUntil(ctx, fmt.Sprintf("says %q", says), func(now Message) bool { return now.Says(says...) })
}

// WaitUntil waits until the message is as asked; what describes it in the error.
func (m Message) WaitUntil(ctx context.Context, what string, holds func(Message) bool) (Message, error) {
	var now Message
	err := m.slack.wait(ctx, "message "+m.TS+" never "+what, func() bool {
		room := m.slack.room(m.Channel)
		at := room.find(m.TS)
		if at == nil {
			now = Message{Channel: m.Channel, TS: m.TS, slack: m.slack}
		} else {
			now = at.clone()
		}
		return holds(now)
	})
	if err != nil {
		return now, fmt.Errorf("%w; it says:\n%s", err, now.Visible())
	}
	return now, nil
}

// Buttons lists what can be pressed in the message: button texts, and options in brackets.
func (m Message) Buttons() (out []string) {
	for _, p := range elementsOf(&m) {
		e := decode[elementView](p.element)
		if e.Type == "button" {
			out = append(out, e.Text.Text)
		} else {
			out = append(out, visibleElement(e))
		}
	}
	return out
}

// Confirmation is the dialog a button shows before it acts, as "title: text [confirm] [deny]"; "" when it has none.
func (m Message) Confirmation(target string) string {
	found := matches(elementsOf(&m), target)
	if len(found) == 0 || found[0].element["confirm"] == nil {
		return ""
	}
	d := decode[confirmView](found[0].element["confirm"])
	return fmt.Sprintf("%s: %s [%s] [%s]", d.Title.Text, d.Text.Text, d.Confirm.Text, d.Deny.Text)
}

// Thread lists the replies below the message, oldest first.
func (m Message) Thread() []Message { return m.slack.Channel(m.Channel).Thread(m.TS) }

// WaitReply waits for a reply below the message that says all the texts.
func (m Message) WaitReply(ctx context.Context, says ...string) (Message, error) {
	return m.slack.Channel(m.Channel).WaitReply(ctx, m.TS, says...)
}

// WaitView waits for a modal on the user's screen that says all the texts.
func (s *Slack) WaitView(ctx context.Context, user string, says ...string) (View, error) {
	var found View
	err := s.wait(ctx, fmt.Sprintf("no modal for %s says %q", user, says), func() bool {
		v := s.topView(user)
		if v == nil || !v.Says(says...) {
			return false
		}
		found = *v
		return true
	})
	return found, err
}

// Calls lists the requests to a method of the Web API so far, refused ones included; "" lists all. Uses of response URLs
// are called "response_url".
func (s *Slack) Calls(method string) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.callsOf(method)
}

// Heard is how many calls of a method there were, "" for any: for whoever asks often and would copy them all each time.
func (s *Slack) Heard(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard(method)
}

func (s *Slack) heard(method string) (n int) {
	for i := range s.calls {
		if method == "" || s.calls[i].Method == method {
			n++
		}
	}
	return n
}

func (s *Slack) callsOf(method string) (out []Call) {
	for _, c := range s.calls {
		if method == "" || c.Method == method {
			out = append(out, c)
		}
	}
	return out
}

// WaitCalls waits until a method was called n times.
func (s *Slack) WaitCalls(ctx context.Context, method string, n int) ([]Call, error) {
	var calls []Call
	err := s.wait(ctx, fmt.Sprintf("%s was not called %d times", method, n), func() bool {
		if s.heard(method) < n {
			return false
		}
		calls = s.callsOf(method)
		return true
	})
	return calls, err
}
