package fakeslack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Call is one request to the Web API, as it arrived.
type Call struct {
	Method string            // "chat.postMessage"
	From   string            // the caller, where it used a base URL of its own
	At     time.Time         // of its arrival: what this Slack does with it comes after
	Args   map[string]string // form values, or the top-level JSON members
	Error  string            // the error code that was answered, "" when it went well
}

// call is a request while it is answered.
type call struct {
	method string
	from   string
	at     time.Time
	args   map[string]json.RawMessage
}

type reply map[string]any

// refusal is an answer with "ok": false.
type refusal struct {
	code             string
	messages         []string // response_metadata.messages
	needed, provided string
	retryAfter       int // seconds; makes it an HTTP 429
}

func (r *refusal) Error() string { return r.code }

func refuse(code string, messages ...string) error { return &refusal{code: code, messages: messages} }

// method is one entry of the Web API: the scope it needs and what it does, with the workspace locked.
type method struct {
	scope string
	do    func(*Slack, *call) (reply, error)
}

// methods is the part of https://docs.slack.dev/reference/methods that exists here.
func methods() map[string]method {
	return map[string]method{
		"apps.connections.open": {"", (*Slack).openConnection},
		"auth.test":             {"", (*Slack).authTest},
		"chat.delete":           {"chat:write", (*Slack).deleteMessage},
		"chat.getPermalink":     {"", (*Slack).permalink},
		"chat.postEphemeral":    {"chat:write", (*Slack).postEphemeral},
		"chat.postMessage":      {"chat:write", (*Slack).postMessage},
		"chat.update":           {"chat:write", (*Slack).updateMessage},
		"conversations.history": {"channels:history", (*Slack).history},
		"conversations.info":    {"channels:read", (*Slack).channelInfo},
		"conversations.list":    {"channels:read", (*Slack).channelList},
		"conversations.members": {"channels:read", (*Slack).channelMembers},
		"conversations.open":    {"im:write", (*Slack).openDirect},
		"conversations.replies": {"channels:history", (*Slack).replies},
		"pins.add":              {"pins:write", (*Slack).pin},
		"pins.remove":           {"pins:write", (*Slack).pin},
		"reactions.add":         {"reactions:write", (*Slack).react},
		"reactions.remove":      {"reactions:write", (*Slack).react},
		"users.info":            {"users:read", (*Slack).userInfo},
		"users.list":            {"users:read", (*Slack).userList},
		"users.lookupByEmail":   {"users:read.email", (*Slack).userByEmail},
		"views.open":            {"", (*Slack).openView},
		"views.push":            {"", (*Slack).openView},
		"views.update":          {"", (*Slack).updateView},
	}
}

func (s *Slack) api(w http.ResponseWriter, r *http.Request) {
	c := &call{method: r.PathValue("method"), from: r.PathValue("caller"), at: s.cfg.Now()}
	args, err := arguments(r)
	c.args = args
	mode := s.takeFault(c)
	if mode.before(s, w, r) {
		s.record(c, string(mode))
		return
	}
	var out reply
	if err == nil {
		out, err = s.answer(c, r)
	} else {
		s.record(c, err.Error())
	}
	mode.after(s, r)
	writeReply(w, out, err)
}

// answer checks the token and the scope, runs the method, and records it in the same breath: the calls are in the order
// in which they took effect.
func (s *Slack) answer(c *call, r *http.Request) (out reply, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		code := ""
		if err != nil {
			code = err.Error()
		}
		s.noteCall(c, code)
	}()
	m, ok := methods()[c.method]
	if !ok {
		return nil, refuse("unknown_method")
	}
	if s.cfg.BaseURL == "" {
		s.cfg.BaseURL = "http://" + r.Host
	}
	if err := s.authorize(c, r, m.scope); err != nil {
		return nil, err
	}
	return m.do(s, c)
}

func (s *Slack) authorize(c *call, r *http.Request, scope string) error {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		token = c.text("token")
	}
	want, other := s.cfg.BotToken, s.cfg.AppToken
	if c.method == "apps.connections.open" {
		want, other = other, want
	}
	switch {
	case token == "":
		return refuse("not_authed")
	case token == other:
		return refuse("not_allowed_token_type")
	case token != want:
		return refuse("invalid_auth")
	case scope != "" && len(s.cfg.Scopes) > 0 && !slices.Contains(s.cfg.Scopes, scope):
		return &refusal{code: "missing_scope", needed: scope, provided: strings.Join(s.cfg.Scopes, ",")}
	}
	return nil
}

func (s *Slack) record(c *call, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noteCall(c, code)
}

// noteCall is record under the lock.
func (s *Slack) noteCall(c *call, code string) {
	args := map[string]string{}
	for name := range c.args {
		if name != "token" {
			args[name] = c.text(name)
		}
	}
	s.calls = append(s.calls, Call{Method: c.method, From: c.from, At: c.at, Args: args, Error: code})
	s.notify()
}

// arguments reads a form or a JSON body; both are kept as JSON, a form value as a JSON string.
func arguments(r *http.Request) (map[string]json.RawMessage, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
	if err != nil {
		return nil, refuse("invalid_form_data")
	}
	out := map[string]json.RawMessage{}
	values := r.URL.Query()
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case kind == "application/json" && len(body) > 0:
		if err := json.Unmarshal(body, &out); err != nil {
			return nil, refuse("invalid_json")
		}
	case len(body) > 0:
		if values, err = url.ParseQuery(string(body)); err != nil || kind != "application/x-www-form-urlencoded" {
			return nil, refuse("invalid_form_data")
		}
	}
	for name, v := range values {
		out[name], _ = json.Marshal(v[0])
	}
	return out, nil
}

// says reports whether an argument holds the text.
func (c *call) says(text string) bool {
	for name := range c.args {
		if strings.Contains(c.text(name), text) {
			return true
		}
	}
	return text == ""
}

// text is an argument as a string: numbers and truth values arrive in JSON bodies as such.
func (c *call) text(name string) string {
	raw := c.args[name]
	var t string
	if json.Unmarshal(raw, &t) == nil {
		return t
	}
	return string(raw)
}

func (c *call) flag(name string) bool {
	on, _ := strconv.ParseBool(c.text(name))
	return on
}

func (c *call) number(name string, otherwise int) int {
	if n, err := strconv.Atoi(c.text(name)); err == nil {
		return n
	}
	return otherwise
}

func (c *call) has(name string) bool { _, ok := c.args[name]; return ok }

// json decodes a structured argument, which a form carries as text and a JSON body either way. It reports whether the
// argument was there.
func (c *call) json(name string, into any) (bool, error) {
	t := c.text(name)
	if t == "" || t == "null" {
		return false, nil
	}
	if err := json.Unmarshal([]byte(t), into); err != nil {
		return true, fmt.Errorf("%s: %w", name, err)
	}
	return true, nil
}

func writeReply(w http.ResponseWriter, out reply, err error) {
	status := http.StatusOK // Slack answers 200 also when it refuses
	if r, ok := errors.AsType[*refusal](err); ok {
		out = reply{"ok": false, "error": r.code}
		if len(r.messages) > 0 {
			tagged := make([]string, len(r.messages))
			for i, m := range r.messages {
				tagged[i] = "[ERROR] " + m
			}
			out["errors"], out["response_metadata"] = r.messages, reply{"messages": tagged}
		}
		if r.needed != "" {
			out["needed"], out["provided"] = r.needed, r.provided
		}
		if r.retryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(r.retryAfter))
			status = http.StatusTooManyRequests
		}
	} else {
		out["ok"] = true
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(out) //nolint:errcheck // the client that hung up cannot be told
}
