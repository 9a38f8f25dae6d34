package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// Sender is the way out to Slack: one card per incident, posted once and then edited, and a thread below it.
type Sender struct {
	api     *slack.Client
	channel string
	read    Reader
	pages   Pages            // nil: nobody can be paged
	crew    Crew             // nil: nobody is mentioned
	team    string           // whose accounts can be mentioned
	now     func() time.Time // the store's clock
	pace    *pace
	metrics *metrics
	log     *slog.Logger
}

// Name implements the way out.
func (s *Sender) Name() string { return follower }

// Send says what was planned and returns "channel/timestamp". The card is drawn from the state as it is now, not as it
// was at the event: a late edit then shows the truth. Errors may have RetryAfter() time.Duration or Permanent() bool.
func (s *Sender) Send(ctx context.Context, d pointsman.Delivery) (string, error) {
	var what said
	if err := json.Unmarshal(d.Payload, &what); err != nil {
		return "", never(fmt.Errorf("payload of delivery %d: %w", d.ID, err))
	}
	switch d.Destination {
	case destCard:
		return s.card(ctx, d, what)
	case destThread:
		return s.line(ctx, d, what)
	case destRoom:
		return s.announce(ctx, d, what)
	}
	return "", never(fmt.Errorf("%q is no destination of Slack", d.Destination))
}

func (s *Sender) card(ctx context.Context, d pointsman.Delivery, what said) (string, error) {
	st, ref, found, err := s.stand(ctx, d)
	if err != nil {
		return "", err
	}
	v, err := viewOf(ctx, st, s.pages, s.now)
	if err != nil {
		return "", err
	}
	show := slack.MsgOptionCompose(slack.MsgOptionText(Text(v), false), slack.MsgOptionBlocks(Card(v)...),
		slack.MsgOptionMetadata(note(d)), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())
	as := func() slack.MsgOption { return show }
	// A card that an earlier attempt may have posted is looked for, because a second one could not be taken back.
	look := func() (string, bool, error) { return s.search(ctx, d, st.Incident.OpenedAt, "incident", d.Incident) }
	if !found {
		if ref, found, err = s.post(ctx, d, s.channel, "card", look, as); err != nil || !found {
			return ref, err
		}
	}
	ref, gone, err := s.edit(ctx, ref, show)
	if !gone {
		return ref, err
	}
	s.log.WarnContext(ctx, "card is gone and posted anew", "incident", d.Incident)
	ref, _, err = s.post(ctx, d, s.channel, "card", look, as) // where the new one is there already, the next edit brings it up to date
	return ref, err
}

// young is how old an incident may be to be shown as it was opened. One whose card had to wait for its turn has changed since.
const young = time.Second

// stand is how the incident stands, and where its card is. Of one that was opened a moment ago both are known, and the first
// form of its card waits for no look.
func (s *Sender) stand(ctx context.Context, d pointsman.Delivery) (st pointsman.State, ref string, found bool, err error) {
	if d.Opened != nil && d.Attempts == 1 && s.now().Sub(d.Opened.Incident.OpenedAt) < young {
		return *d.Opened, "", false, nil
	}
	if st, err = s.read.State(ctx, d.Incident); err != nil {
		return st, "", false, fmt.Errorf("state of %s: %w", d.Incident, err)
	}
	ref, found, err = s.ref(ctx, d.Incident)
	return st, ref, found, err
}

// edit changes the card; gone says that somebody deleted it.
func (s *Sender) edit(ctx context.Context, ref string, show slack.MsgOption) (_ string, gone bool, err error) {
	channel, ts, ok := strings.Cut(ref, "/")
	if !ok {
		return "", false, never(fmt.Errorf("%q is no reference to a message", ref))
	}
	if err := s.pace.edits(ctx); err != nil {
		return "", false, err
	}
	pointsman.Failpoint("slack.before-edit", "card")
	_, _, _, err = s.api.UpdateMessageContext(authored(ctx), channel, ts, show)
	pointsman.Failpoint("slack.after-edit", "card")
	s.metrics.called("edit", err)
	if is(err, "message_not_found", "cant_update_message", "thread_not_found") {
		return "", true, nil
	}
	return ref, false, s.pace.judged("edit", err)
}

// post says something new, unless an earlier attempt has said it: then found is true. It looks only when it is its turn:
// many messages may wait for one, and Slack limits looks, too.
func (s *Sender) post(ctx context.Context, d pointsman.Delivery, channel, method string, look func() (string, bool, error), show func() slack.MsgOption) (ref string, found bool, err error) {
	if d.Attempts > 1 {
		if err := s.pace.looks(); err != nil {
			return "", false, err
		}
	}
	if err := s.pace.posts(ctx); err != nil {
		return "", false, err
	}
	if d.Attempts > 1 {
		if ref, found, err := look(); found || err != nil {
			return ref, found, err
		}
	}
	what := show()
	pointsman.Failpoint("slack.before-post", method)
	// Asked here and not only by the transport: a process that stood still finds out before it says what another one
	// has said by now.
	if err := ctx.Err(); err != nil {
		return "", false, err
	}
	channel, ts, err := s.api.PostMessageContext(authored(ctx), channel, what)
	pointsman.Failpoint("slack.after-post", method)
	s.metrics.called(method, err)
	if err != nil {
		return "", false, s.pace.judged("post", err)
	}
	return channel + "/" + ts, false, nil
}

// line adds one line to the thread of the card.
func (s *Sender) line(ctx context.Context, d pointsman.Delivery, what said) (string, error) {
	ref, found, err := s.ref(ctx, d.Incident)
	if err != nil {
		return "", err
	}
	if !found {
		return "", later(time.Second, fmt.Errorf("the card of %s is not posted yet", d.Incident))
	}
	channel, ts, _ := strings.Cut(ref, "/") // the card's: another one may be configured since
	show := func() slack.MsgOption {        // only when it is its turn: whom the line calls may have decided while it waited
		options := []slack.MsgOption{
			slack.MsgOptionTS(ts), slack.MsgOptionText(what.Text+s.calling(ctx, d, what), false), slack.MsgOptionMetadata(note(d)),
			slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
		}
		if what.Broadcast {
			options = append(options, slack.MsgOptionBroadcast())
		}
		return slack.MsgOptionCompose(options...)
	}
	ref, _, err = s.post(ctx, d, channel, "line", func() (string, bool, error) { return s.searchThread(ctx, d, channel, ts) }, show)
	return ref, err
}

// announce posts one line into the channel, under no card.
func (s *Sender) announce(ctx context.Context, d pointsman.Delivery, what said) (string, error) {
	look := func() (string, bool, error) { return s.search(ctx, d, what.At, "event_id", d.EventID) }
	show := slack.MsgOptionCompose(slack.MsgOptionText(what.Text, false), slack.MsgOptionMetadata(note(d)),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())
	ref, _, err := s.post(ctx, d, s.channel, "line", look, func() slack.MsgOption { return show })
	return ref, err
}

func (s *Sender) ref(ctx context.Context, incident string) (string, bool, error) {
	ref, found, err := s.read.Ref(ctx, follower, incident, destCard)
	if err != nil {
		return "", false, fmt.Errorf("where the card of %s is: %w", incident, err)
	}
	return ref, found, nil
}

// metaType marks our messages, so that one can be recognised after an unknown answer.
// https://docs.slack.dev/messaging/message-metadata
const metaType = "pointsman_event"

func note(d pointsman.Delivery) slack.SlackMetadata {
	return slack.SlackMetadata{EventType: metaType, EventPayload: map[string]any{"event_id": d.EventID, "incident": d.Incident, "kind": d.Destination}}
}

func noted(m slack.Message, key, value string) bool {
	got, _ := m.Metadata.EventPayload[key].(string)
	return m.Metadata.EventType == metaType && got == value && value != ""
}

// pages bounds how far back is looked, at 200 messages a page.
const pages = 5

// search looks in the channel for the message to this destination that carries the value, from ten minutes before the
// given time: the clocks differ.
func (s *Sender) search(ctx context.Context, d pointsman.Delivery, since time.Time, key, value string) (string, bool, error) {
	p := slack.GetConversationHistoryParameters{ChannelID: s.channel, Limit: 200, IncludeAllMetadata: true, Oldest: stamp(since.Add(-10 * time.Minute))}
	for range pages {
		got, err := s.api.GetConversationHistoryContext(ctx, &p)
		s.metrics.called("history", err)
		if err != nil {
			return "", false, s.pace.judged("history", fmt.Errorf("whether the %s with %s %s was posted: %w", d.Destination, key, value, err))
		}
		for _, m := range got.Messages {
			if noted(m, key, value) && noted(m, "kind", d.Destination) {
				return s.channel + "/" + m.Timestamp, true, nil
			}
		}
		if !got.HasMore || got.ResponseMetaData.NextCursor == "" {
			break
		}
		p.Cursor = got.ResponseMetaData.NextCursor
	}
	return "", false, nil
}

func (s *Sender) searchThread(ctx context.Context, d pointsman.Delivery, channel, ts string) (string, bool, error) {
	p := slack.GetConversationRepliesParameters{ChannelID: channel, Timestamp: ts, Limit: 200, IncludeAllMetadata: true}
	for range pages {
		got, hasMore, cursor, err := s.api.GetConversationRepliesContext(ctx, &p)
		s.metrics.called("replies", err)
		if err != nil {
			return "", false, s.pace.judged("history", fmt.Errorf("whether a line of %s was posted: %w", d.Incident, err))
		}
		for _, m := range got {
			if noted(m, "event_id", d.EventID) && noted(m, "kind", destThread) {
				return channel + "/" + m.Timestamp, true, nil
			}
		}
		if !hasMore || cursor == "" {
			break
		}
		p.Cursor = cursor
	}
	return "", false, nil
}

func stamp(t time.Time) string { return fmt.Sprintf("%d.%06d", t.Unix(), t.Nanosecond()/1000) }

// is reports whether Slack answered with one of the codes.
func is(err error, codes ...string) bool {
	e, ok := errors.AsType[slack.SlackErrorResponse](err)
	for _, c := range codes {
		if ok && e.Err == c {
			return true
		}
	}
	return false
}
