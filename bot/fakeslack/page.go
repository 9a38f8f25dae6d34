package fakeslack

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strings"
)

//go:embed page
var pageFiles embed.FS

func (s *Slack) routes() http.Handler {
	actions := http.NewServeMux()
	actions.HandleFunc("POST /do/type", s.doType)
	actions.HandleFunc("POST /do/press", s.doPress)
	actions.HandleFunc("POST /do/submit", s.doSubmit)
	actions.HandleFunc("POST /do/close", s.doClose)

	mux := http.NewServeMux()
	mux.HandleFunc("/api/{method}", s.api)
	mux.HandleFunc("/from/{caller}/api/{method}", s.api)
	mux.HandleFunc("GET /socket", s.serveSocket)
	mux.HandleFunc("POST /response/{team}/{id}", s.answerHook)
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /channel/{channel}", s.showChannel)
	mux.HandleFunc("GET /channel/{channel}/feed", s.showFeed)
	mux.HandleFunc("GET /message/{channel}/{ts}", s.showMessage)
	mux.HandleFunc("GET /events", s.events)
	// The page acts as whichever user it names, so other sites must not be able to post to it.
	mux.Handle("/do/", http.NewCrossOriginProtection().Handler(actions))
	return mux
}

func (s *Slack) templates() *template.Template {
	t := template.New("").Funcs(template.FuncMap{
		"asMrkdwn": func(t string) textView { return textView{Type: "mrkdwn", Text: t} },
		"asText":   func(e elementView) textView { return textView{Type: e.Type, Text: e.Text.Text} },
		"colour":   colour,
		"css":      func() template.CSS { return template.CSS(pageFile("style.css")) },
		"drawn":    func(t textView) string { return string(s.drawText(t)) }, // for an attribute that a script reads
		"field":    field,
		"js":       func() template.JS { return template.JS(pageFile("script.js")) },
		"plain":    s.plain,
		"rich":     s.rich,
		"rooms":    func() []ChannelConfig { return s.cfg.Channels },
		"text":     s.drawText,
		"users":    func() []User { return s.cfg.Users },
	})
	return template.Must(t.ParseFS(pageFiles, "page/*.html"))
}

func pageFile(name string) string {
	raw, err := pageFiles.ReadFile("page/" + name)
	if err != nil {
		panic(err) // embedded: cannot be missing
	}
	return string(raw)
}

func (s *Slack) home(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/channel/"+s.cfg.Channels[0].ID, http.StatusFound)
}

func (s *Slack) showChannel(w http.ResponseWriter, r *http.Request) {
	s.show(w, s.WriteChannel, r)
}

func (s *Slack) showFeed(w http.ResponseWriter, r *http.Request) {
	s.show(w, func(w io.Writer, channel, as string) error { return s.write(w, "feed", channel, as) }, r)
}

func (s *Slack) show(w http.ResponseWriter, draw func(w io.Writer, channel, as string) error, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if err := draw(w, r.PathValue("channel"), r.URL.Query().Get("as")); err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
	}
}

func (s *Slack) showMessage(w http.ResponseWriter, r *http.Request) {
	s.show(w, func(w io.Writer, channel, _ string) error {
		return s.WriteMessage(w, channel, r.PathValue("ts"), r.URL.Query().Has("thread"))
	}, r)
}

// WriteChannel writes the page of a channel as the user sees it: one HTML document that needs nothing else. An empty
// user is the first of the workspace.
func (s *Slack) WriteChannel(w io.Writer, channel, user string) error {
	return s.write(w, "channel", channel, user)
}

// WriteMessage writes one message alone on a clean background, with its thread if asked, as an HTML document that needs
// nothing else: for pictures.
func (s *Slack) WriteMessage(w io.Writer, channel, ts string, thread bool) error {
	s.mu.Lock()
	room := s.room(channel)
	var m *Message
	if room != nil {
		m = room.find(ts)
	}
	if m == nil {
		s.mu.Unlock()
		return fmt.Errorf("no message %s in channel %s", ts, channel)
	}
	view := s.draw(room, m, m.OnlyTo)
	if !thread {
		view.Replies = nil
	}
	s.mu.Unlock()
	return s.templates().ExecuteTemplate(w, "alone", view)
}

func (s *Slack) write(w io.Writer, name, channel, user string) error {
	view, err := s.drawChannel(channel, user)
	if err != nil {
		return err
	}
	return s.templates().ExecuteTemplate(w, name, view)
}

// events tells the page that something changed; the page then asks for the feed again.
func (s *Slack) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		fmt.Fprint(w, "data: changed\n\n")
		if out.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		case <-s.done:
			return
		}
	}
}

// doType takes what was typed into the composer: a slash command or a message.
func (s *Slack) doType(w http.ResponseWriter, r *http.Request) {
	user, channel, text := r.FormValue("as"), r.FormValue("channel"), strings.TrimSpace(r.FormValue("text"))
	if text == "" {
		return
	}
	if strings.HasPrefix(text, "/") {
		command, rest, _ := strings.Cut(text, " ")
		_, err := s.Slash(r.Context(), user, channel, command, strings.TrimSpace(rest))
		done(w, err)
		return
	}
	// What people type is text; the three characters that would be markup are escaped as Slack's clients do.
	text = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
	_, err := s.Say(user, channel, r.FormValue("thread"), text)
	done(w, err)
}

// doPress takes a click or a choice: the element is named by block_id and action_id, so nothing can be mistaken.
func (s *Slack) doPress(w http.ResponseWriter, r *http.Request) {
	p, err := s.pointed(r)
	if err == nil {
		_, err = s.press(r.Context(), p)
	}
	done(w, err)
}

func (s *Slack) pointed(r *http.Request) (*pressed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var (
		p   *pressed
		all []part
		err error
	)
	if id := r.FormValue("view"); id != "" {
		v, err := s.view(id)
		if err != nil {
			return nil, err
		}
		u, _ := s.user(v.User)
		p, all = &pressed{user: u, view: v}, parts(v.Blocks)
	} else {
		if p, err = s.at(r.FormValue("as"), r.FormValue("channel"), r.FormValue("ts")); err != nil {
			return nil, err
		}
		all = elementsOf(p.message)
	}
	for _, e := range all {
		if e.blockID == r.FormValue("block") && e.element["action_id"] == r.FormValue("action") {
			p.blockID, p.element, p.values = e.blockID, e.element, r.Form["value"]
			return p, nil
		}
	}
	return nil, errors.New("that button is gone: the message has changed")
}

func (s *Slack) doSubmit(w http.ResponseWriter, r *http.Request) {
	values := map[string]string{}
	if err := r.ParseForm(); err != nil {
		done(w, err)
		return
	}
	for name, v := range r.PostForm {
		if block, ok := strings.CutPrefix(name, "field:"); ok {
			values[block] = strings.Join(v, ",")
		}
	}
	_, err := s.SubmitView(r.Context(), r.FormValue("as"), r.FormValue("view"), values)
	done(w, err)
}

func (s *Slack) doClose(w http.ResponseWriter, r *http.Request) {
	_, err := s.CloseView(r.Context(), r.FormValue("as"), r.FormValue("view"))
	done(w, err)
}

// done answers the page's script, which shows an error to the person. What the app did late or wrong is shown in the
// channel already.
func done(w http.ResponseWriter, err error) {
	if err == nil || errors.Is(err, ErrTimeout) || errors.Is(err, context.Canceled) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Error(w, err.Error(), http.StatusBadRequest)
}
