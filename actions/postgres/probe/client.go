package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Client asks one probe.
type Client struct {
	URL  string
	HTTP *http.Client
}

// StatusError is a probe's answer that is none: 401 the token is wrong, 404 it has no such node, 503 it cannot read its
// own token.
type StatusError struct {
	Code int
	Text string // the probe's own sentence
}

// Error implements error.
func (e *StatusError) Error() string { return fmt.Sprintf("the probe answered %d: %s", e.Code, e.Text) }

// Ask asks how the probe sees a node, at a time by the probe's own clock. A probe that cannot be asked, or answers oddly,
// sees nothing: the error says why, a *StatusError where it refused.
func (c Client) Ask(ctx context.Context, token string, q Question) (Sighting, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return Sighting{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.URL, "/")+Path, bytes.NewReader(body))
	if err != nil {
		return Sighting{}, errors.New("the probe's URL cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return Sighting{}, fmt.Errorf("the probe does not answer: %w", bare(err))
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return Sighting{}, fmt.Errorf("the probe's answer broke off: %w", bare(err))
	}
	if res.StatusCode != http.StatusOK {
		return Sighting{}, &StatusError{Code: res.StatusCode, Text: string(bytes.TrimSpace(text))}
	}
	var seen Sighting
	if err := json.Unmarshal(text, &seen); err != nil || !known(seen.State) {
		return Sighting{}, errors.New("the probe's answer makes no sense")
	}
	return seen, nil
}

func known(s State) bool { return s.Answers() || s.Gone() || s == Unsure }

// bare drops the URL, which may hold a password, from the client's error.
func bare(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
