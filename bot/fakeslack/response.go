package fakeslack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// hook is a response_url: https://docs.slack.dev/interactivity/handling-user-interaction#message_responses.
type hook struct {
	room     *room
	user     string
	original string // the message that was clicked; "" after a slash command
	uses     int
	expires  time.Time
}

const (
	hookUses = 5
	hookLife = 30 * time.Minute
)

// newHook makes a response_url. The caller holds mu.
func (s *Slack) newHook(c *room, user, original string) string {
	id := s.next("R")
	s.hooks[id] = &hook{room: c, user: user, original: original, expires: s.cfg.Now().Add(hookLife)}
	return s.cfg.BaseURL + "/response/" + s.cfg.TeamID + "/" + id
}

// answerHook takes a POST to a response_url. FailNext knows it as the method "response_url".
func (s *Slack) answerHook(w http.ResponseWriter, r *http.Request) {
	c := &call{method: "response_url", at: s.cfg.Now()}
	args, err := arguments(r)
	c.args = args
	mode := s.takeFault(c)
	if mode.before(s, w, r) {
		s.record(c, string(mode))
		return
	}
	if err == nil {
		err = s.useHook(r.PathValue("id"), c)
	}
	code := ""
	if err != nil {
		code = err.Error()
	}
	s.record(c, code)
	mode.after(s, r)
	if err == nil {
		fmt.Fprint(w, "ok")
		return
	}
	status := http.StatusBadRequest
	if code == "used_url" || code == "expired_url" {
		status = http.StatusNotFound
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(reply{"ok": false, "error": code}) //nolint:errcheck // the client that hung up cannot be told
}

func (s *Slack) useHook(id string, c *call) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hooks[id]
	switch {
	case h == nil || s.cfg.Now().After(h.expires):
		return refuse("expired_url")
	case h.uses >= hookUses:
		return refuse("used_url")
	}
	h.uses++
	return s.respond(h, c)
}

// respond shows an answer in the channel: ephemeral unless it says in_channel, in place of the clicked message when it
// says so. The caller holds mu.
func (s *Slack) respond(h *hook, c *call) error {
	in, err := s.content(c, maxText)
	if err != nil {
		return err
	}
	original := h.room.find(h.original)
	switch {
	case c.flag("delete_original") && original != nil:
		h.room.remove(original)
		s.notify()
		return nil
	case in.empty():
		return refuse("no_text")
	case c.flag("replace_original") && original != nil:
		s.edit(original, in)
		return nil
	}
	m := &Message{
		User: s.cfg.BotUserID, ThreadTS: c.text("thread_ts"), Text: in.text, Blocks: in.blocks,
		Attachments: in.attachments, Metadata: in.metadata,
	}
	if c.text("response_type") != "in_channel" {
		m.OnlyTo = h.user
	}
	s.say(h.room, m)
	return nil
}
