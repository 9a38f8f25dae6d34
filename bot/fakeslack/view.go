package fakeslack

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// View is a modal that stands open on one person's screen.
type View struct {
	ID              string
	User            string
	Title           string
	CallbackID      string
	PrivateMetadata string
	Blocks          []Block
	Errors          map[string]string // what the app said about the last submission, by block_id
	Hash            string

	raw    map[string]any // as the app sent it
	root   string
	below  string // the view under this one on the stack
	values map[string]map[string]any
	slack  *Slack
}

// viewRules checks a modal: its schema, its blocks, and what stands between its fields.
func viewRules(raw map[string]any) ([]Block, error) {
	var said []string
	for _, f := range flawsOf(compiled().modal, any(raw), "view") {
		said = append(said, f.String())
	}
	var blocks []Block
	inputs := false
	for _, b := range asList(raw["blocks"]) {
		block, _ := b.(map[string]any)
		if block == nil {
			return nil, refuse("invalid_arguments", "must be an object [json-pointer:/view/blocks]")
		}
		inputs = inputs || block["type"] == "input"
		blocks = append(blocks, block)
	}
	if r, ok := errors.AsType[*refusal](checkBlocks(blocks, maxModalBlocks, "view", "blocks")); ok {
		said = append(said, r.messages...)
	}
	if inputs && raw["submit"] == nil {
		said = append(said, "a modal with an input block needs submit [json-pointer:/view/submit]")
	}
	if len(said) > 0 {
		return nil, refuse("invalid_arguments", said...)
	}
	return blocks, nil
}

func (s *Slack) openView(c *call) (reply, error) {
	var raw map[string]any
	if given, err := c.json("view", &raw); err != nil || !given {
		return nil, refuse("invalid_arguments", "missing required field: view")
	}
	// The trigger is looked at first, as Slack does: a view that came too late is not even read.
	user, err := s.exchange(c.text("trigger_id"))
	if err != nil {
		return nil, err
	}
	blocks, err := viewRules(raw)
	if err != nil {
		return nil, err
	}
	if id, _ := raw["external_id"].(string); id != "" && slices.ContainsFunc(s.views, func(v *View) bool { return v.raw["external_id"] == id }) {
		return nil, refuse("duplicate_external_id")
	}
	top := s.topView(user)
	if c.method == "views.push" && top != nil {
		if s.depth(user) >= 3 {
			return nil, refuse("push_limit_reached")
		}
		return s.showView(user, raw, blocks, top), nil
	}
	s.closeViews(user)
	return s.showView(user, raw, blocks, nil), nil
}

// showView puts a modal on top of what the person sees. The caller holds mu.
func (s *Slack) showView(user string, raw map[string]any, blocks []Block, below *View) reply {
	v := &View{ID: s.next("V"), User: user, values: map[string]map[string]any{}, slack: s}
	v.root = v.ID
	if below != nil {
		v.below, v.root = below.ID, below.root
	}
	s.fillView(v, raw, blocks)
	s.views = append(s.views, v)
	s.notify()
	return reply{"view": v.wire()}
}

func (s *Slack) fillView(v *View, raw map[string]any, blocks []Block) {
	v.raw, v.Blocks, v.Hash, v.Errors = raw, s.withIDs(blocks), s.next("hash."), nil
	v.CallbackID, _ = raw["callback_id"].(string)
	v.PrivateMetadata, _ = raw["private_metadata"].(string)
	v.Title = decode[struct{ Title textView }](raw).Title.Text
}

func (s *Slack) updateView(c *call) (reply, error) {
	var raw map[string]any
	if given, err := c.json("view", &raw); err != nil || !given {
		return nil, refuse("invalid_arguments", "missing required field: view")
	}
	at := slices.IndexFunc(s.views, func(v *View) bool {
		return v.ID == c.text("view_id") || c.text("external_id") != "" && v.raw["external_id"] == c.text("external_id")
	})
	if at < 0 {
		return nil, refuse("not_found")
	}
	v := s.views[at]
	if h := c.text("hash"); h != "" && h != v.Hash {
		return nil, refuse("hash_conflict")
	}
	blocks, err := viewRules(raw)
	if err != nil {
		return nil, err
	}
	s.fillView(v, raw, blocks)
	return reply{"view": v.wire()}, nil
}

// wire is the view as the app gets it back.
func (v *View) wire() map[string]any {
	out := maps.Clone(v.raw)
	for _, name := range []string{"private_metadata", "callback_id", "external_id"} {
		if out[name] == nil {
			out[name] = ""
		}
	}
	cfg := v.slack.cfg
	out["id"], out["team_id"], out["app_id"], out["bot_id"], out["hash"] = v.ID, cfg.TeamID, cfg.AppID, cfg.BotID, v.Hash
	out["root_view_id"], out["previous_view_id"] = v.root, nil
	if v.below != "" {
		out["previous_view_id"] = v.below
	}
	out["app_installed_team_id"] = cfg.TeamID
	out["state"] = reply{"values": v.values}
	return out
}

func (s *Slack) topView(user string) *View {
	for _, v := range slices.Backward(s.views) {
		if v.User == user {
			return v
		}
	}
	return nil
}

func (s *Slack) depth(user string) (n int) {
	for _, v := range s.views {
		if v.User == user {
			n++
		}
	}
	return n
}

func (s *Slack) closeViews(user string) {
	s.views = slices.DeleteFunc(s.views, func(v *View) bool { return v.User == user })
	s.notify()
}

func (s *Slack) closeView(id string) {
	s.views = slices.DeleteFunc(s.views, func(v *View) bool { return v.ID == id })
	s.notify()
}

func (s *Slack) view(id string) (*View, error) {
	for _, v := range s.views {
		if v.ID == id {
			return v, nil
		}
	}
	return nil, fmt.Errorf("no open view %s", id)
}

// JSON is the view as the app sent it.
func (v View) JSON() json.RawMessage {
	raw, _ := json.Marshal(v.raw)
	return raw
}

// Says reports whether a person reads every one of the texts in the modal.
func (v View) Says(texts ...string) bool {
	title := Block{"type": "header", "text": v.raw["title"]}
	return Message{Blocks: append([]Block{title}, v.Blocks...), slack: v.slack}.Says(texts...)
}
