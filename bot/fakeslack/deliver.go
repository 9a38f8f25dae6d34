package fakeslack

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ErrTimeout is what a person sees as operation_timeout: the app did not acknowledge in time.
var ErrTimeout = errors.New("operation_timeout")

// Reply is what the app answered to a slash command or an interaction; over Socket Mode, the acknowledgement's payload
// with status 200.
type Reply struct {
	Status int
	Body   []byte
	Took   time.Duration
	Sent   time.Time // when the request left; zero over Socket Mode
}

// Tamper changes the next signed request, to test that the app refuses it.
type Tamper struct {
	Secret   string        // sign with this secret instead
	Age      time.Duration // sign as if the request were that old; negative is from the future
	Unsigned bool          // leave out signature and timestamp
	Append   string        // add this to the body after signing
}

// delivery is a request to the app, kept to be replayed verbatim.
type delivery struct {
	url    string
	body   []byte
	header http.Header
}

// The two kinds of request, by the name that Socket Mode gives them.
const (
	slashCommand = "slash_commands"
	interactive  = "interactive"
)

// TamperNext spoils the next request to the app over HTTP.
func (s *Slack) TamperNext(t Tamper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tamper = &t
}

// Replay sends the last request to the app again, byte for byte, signature included.
func (s *Slack) Replay(ctx context.Context) (Reply, error) {
	s.mu.Lock()
	last := s.last
	s.mu.Unlock()
	if last == nil {
		return Reply{}, errors.New("nothing was sent to the app yet")
	}
	return s.send(ctx, last)
}

// deliver takes a request to the app the way it asked for: its request URL, or a Socket Mode connection. fields are the
// form of a slash command; an interaction travels as JSON in the one field "payload".
func (s *Slack) deliver(ctx context.Context, kind string, fields map[string]any) (Reply, error) {
	s.mu.Lock()
	target := s.cfg.InteractivityURL
	if kind == slashCommand {
		target = s.cfg.CommandURL
	}
	s.mu.Unlock()
	if target == "" {
		return s.envelope(ctx, kind, fields)
	}
	form := url.Values{}
	if kind == slashCommand {
		for name, v := range fields {
			form.Set(name, fmt.Sprint(v))
		}
	} else {
		payload, err := json.Marshal(fields)
		if err != nil {
			return Reply{}, fmt.Errorf("payload: %w", err)
		}
		form.Set("payload", string(payload))
	}
	return s.send(ctx, s.sign(target, []byte(form.Encode())))
}

// sign follows https://docs.slack.dev/authentication/verifying-requests-from-slack.
func (s *Slack) sign(target string, body []byte) *delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := Tamper{}
	if s.tamper != nil {
		t, s.tamper = *s.tamper, nil
	}
	secret := s.cfg.SigningSecret
	if t.Secret != "" {
		secret = t.Secret
	}
	stamp := strconv.FormatInt(s.cfg.Now().Add(-t.Age).Unix(), 10)
	d := &delivery{url: target, body: append(body, t.Append...), header: http.Header{}}
	d.header.Set("Content-Type", "application/x-www-form-urlencoded")
	d.header.Set("User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
	if !t.Unsigned {
		d.header.Set("X-Slack-Request-Timestamp", stamp)
		d.header.Set("X-Slack-Signature", Signature(secret, stamp, body))
	}
	s.last = d
	return d
}

// Signature is the value of X-Slack-Signature for a raw body and the Unix seconds of X-Slack-Request-Timestamp.
func Signature(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%s:%s", timestamp, body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

func (s *Slack) send(ctx context.Context, d *delivery) (Reply, error) {
	within, cancel := context.WithTimeout(ctx, s.cfg.AckWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(within, http.MethodPost, d.url, bytes.NewReader(d.body))
	if err != nil {
		return Reply{}, fmt.Errorf("request URL %s: %w", d.url, err)
	}
	req.Header = d.header.Clone()
	began := time.Now()
	resp, err := s.cfg.Client.Do(req)
	if err != nil {
		return Reply{Took: time.Since(began)}, timedOut(within, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	out := Reply{Status: resp.StatusCode, Body: body, Took: time.Since(began), Sent: began}
	if err != nil {
		return out, timedOut(within, err)
	}
	return out, nil
}

func timedOut(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return fmt.Errorf("the app cannot be reached: %w", err)
}

// complain shows a person, and nobody else, that the app did not take a request, in Slack's words.
func (s *Slack) complain(c *room, user, about string, r Reply, err error) {
	reason := ""
	switch {
	case errors.Is(err, ErrTimeout):
		reason = "operation_timeout"
	case err != nil:
		reason = "dispatch_failed"
	case r.Status < 200 || r.Status > 299:
		reason = fmt.Sprintf("http_status_%d", r.Status)
	default:
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.say(c, &Message{User: slackbot, OnlyTo: user, Text: about + " failed with the error \"" + reason + "\""})
}

const slackbot = "USLACKBOT"
