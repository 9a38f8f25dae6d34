package fakeslack

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Click presses a button as a person would, confirming its dialog if it has one. target is the button's action_id or its
// text, or the text or value of an option in an overflow menu, select or radio group. The error says what a person would
// notice: no such button, not in the channel, nobody answers; the app's own answer, whatever it is, is the Reply.
func (s *Slack) Click(ctx context.Context, user, channel, ts, target string) (Reply, error) {
	p, err := s.aim(user, channel, ts, target)
	if err != nil {
		return Reply{}, err
	}
	return s.press(ctx, p)
}

// pressed is one use of one element of a message or a modal.
type pressed struct {
	user    User
	room    *room
	message *Message
	view    *View
	blockID string
	element map[string]any
	values  []string
}

func (s *Slack) aim(user, channel, ts, target string) (*pressed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.at(user, channel, ts)
	if err != nil {
		return nil, err
	}
	found := matches(elementsOf(p.message), target)
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("message %s has no %q; it has %s", ts, target, strings.Join(labels(elementsOf(p.message)), ", "))
	case 1:
		p.blockID, p.element, p.values = found[0].blockID, found[0].element, found[0].values
		return p, nil
	}
	return nil, fmt.Errorf("message %s has %q %d times; name the action_id", ts, target, len(found))
}

// at finds the message that a person points at, if that person can see it.
func (s *Slack) at(user, channel, ts string) (*pressed, error) {
	u, ok := s.user(user)
	if !ok || u.Away {
		return nil, fmt.Errorf("no user %s in the workspace", user)
	}
	c := s.room(channel)
	if c == nil || !c.has(user) {
		return nil, fmt.Errorf("user %s is in no channel %s", user, channel)
	}
	m := c.find(ts)
	if m == nil || m.OnlyTo != "" && m.OnlyTo != user {
		return nil, fmt.Errorf("user %s sees no message %s in channel %s", user, ts, channel)
	}
	return &pressed{user: u, room: c, message: m}, nil
}

// part is an element that can be used, with the values that a label picked in it.
type part struct {
	blockID string
	element map[string]any
	values  []string
}

func elementsOf(m *Message) []part {
	out := parts(m.Blocks)
	for _, a := range m.Attachments {
		var inner []Block
		for _, b := range asList(a["blocks"]) {
			inner = append(inner, b.(map[string]any))
		}
		out = append(out, parts(inner)...)
	}
	return out
}

func parts(blocks []Block) (out []part) {
	for _, b := range blocks {
		id, _ := b["block_id"].(string)
		for _, e := range append(asList(b["elements"]), b["accessory"], b["element"]) {
			o, _ := e.(map[string]any)
			if kind, _ := o["type"].(string); isElement(kind) {
				out = append(out, part{blockID: id, element: o})
			}
		}
	}
	return out
}

// matches prefers the action_id, then what a button says, then what an option says.
func matches(all []part, target string) []part {
	var byID, byText, byOption []part
	for _, p := range all {
		e := decode[elementView](p.element)
		if e.Type == "button" && e.Text.Text == target {
			byText = append(byText, p)
		}
		if e.ActionID == target && e.Type == "button" {
			byID = append(byID, p)
		}
		for _, o := range e.all() {
			if o.Text.Text == target || o.Value == target {
				p.values = []string{o.Value}
				byOption = append(byOption, p)
				break
			}
		}
	}
	for _, found := range [][]part{byID, byText} {
		if len(found) > 0 {
			return found
		}
	}
	return byOption
}

func labels(all []part) (out []string) {
	for _, p := range all {
		out = append(out, visibleElement(decode[elementView](p.element)))
	}
	if len(out) == 0 {
		out = []string{"nothing to press"}
	}
	return out
}

// press sends the block_actions interaction of
// https://docs.slack.dev/reference/interaction-payloads/block_actions-payload.
func (s *Slack) press(ctx context.Context, p *pressed) (Reply, error) {
	s.mu.Lock()
	payload, err := s.blockActions(p)
	s.mu.Unlock()
	if err != nil {
		return Reply{}, err
	}
	r, err := s.deliver(ctx, interactive, payload)
	if p.room != nil {
		s.complain(p.room, p.user.ID, "This app", r, err)
	}
	return r, err
}

func (s *Slack) blockActions(p *pressed) (map[string]any, error) {
	action, err := answerOf(p.element, p.values)
	if err != nil {
		return nil, err
	}
	action["action_id"], action["block_id"], action["action_ts"] = p.element["action_id"], p.blockID, s.stamp()
	for _, name := range []string{"text", "style", "confirm", "placeholder"} {
		if v, ok := p.element[name]; ok {
			action[name] = v
		}
	}
	out := s.interaction("block_actions", p.user)
	out["actions"] = []any{action}
	if p.view != nil {
		out["view"] = p.view.wire()
		out["container"] = reply{"type": "view", "view_id": p.view.ID}
		return out, nil
	}
	m := p.message
	container := reply{"type": "message", "message_ts": m.TS, "channel_id": p.room.ID, "is_ephemeral": m.OnlyTo != ""}
	if m.ThreadTS != "" {
		container["thread_ts"] = m.ThreadTS
	}
	state := map[string]any{}
	if p.element["type"] != "button" && p.element["type"] != "overflow" {
		answer, _ := answerOf(p.element, p.values)
		state[p.blockID] = map[string]any{p.element["action_id"].(string): answer}
	}
	out["container"], out["channel"] = container, reply{"id": p.room.ID, "name": p.room.Name}
	out["message"], out["state"] = s.wire(m, false), reply{"values": state}
	out["response_url"] = s.newHook(p.room, p.user.ID, m.TS)
	return out, nil
}

// interaction is what all payloads have in common.
func (s *Slack) interaction(kind string, u User) map[string]any {
	return map[string]any{
		"type": kind, "api_app_id": s.cfg.AppID, "token": "deprecated-verification-token", "enterprise": nil,
		"is_enterprise_install": false, "trigger_id": s.newTrigger(u.ID),
		"team": reply{"id": s.cfg.TeamID, "domain": s.cfg.TeamDomain},
		"user": reply{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": s.cfg.TeamID},
	}
}

// answerOf is what an element holds after a person used it: the shape of an action and of an entry in state.values.
func answerOf(element map[string]any, values []string) (map[string]any, error) {
	kind, _ := element["type"].(string)
	out := map[string]any{"type": kind}
	first := ""
	if len(values) > 0 {
		first = values[0]
	}
	switch kind {
	case "button":
		if v, ok := element["value"]; ok {
			out["value"] = v
		}
	case "overflow", "static_select", "radio_buttons":
		picked, err := optionsOf(element, values)
		if err != nil {
			return nil, err
		}
		out["selected_option"] = nil
		if len(picked) > 0 {
			out["selected_option"] = picked[0]
		}
	case "checkboxes", "multi_static_select":
		picked, err := optionsOf(element, values)
		if err != nil {
			return nil, err
		}
		out["selected_options"] = picked
	case "multi_users_select":
		out["selected_users"] = values
	default:
		name := map[string]string{
			"users_select": "selected_user", "channels_select": "selected_channel", "datepicker": "selected_date",
			"conversations_select": "selected_conversation", "timepicker": "selected_time",
		}[kind]
		if name == "" {
			name = "value"
		}
		out[name] = nil
		if first != "" {
			out[name] = first
		}
	}
	return out, nil
}

// optionsOf picks options by value or by what they say.
func optionsOf(element map[string]any, values []string) ([]any, error) {
	options := slices.Clone(asList(element["options"]))
	for _, g := range asList(element["option_groups"]) {
		options = append(options, asList(g.(map[string]any)["options"])...)
	}
	picked := []any{}
	for _, v := range values {
		at := slices.IndexFunc(options, func(o any) bool {
			view := decode[optionView](o)
			return view.Value == v || view.Text.Text == v
		})
		if at < 0 {
			return nil, fmt.Errorf("%v has no option %q", element["action_id"], v)
		}
		picked = append(picked, options[at])
	}
	return picked, nil
}

// trigger is the short right of the app to open a modal for one person.
type trigger struct {
	user    string
	expires time.Time
	used    bool
}

const triggerLife = 3 * time.Second

// newTrigger makes a trigger_id in the form Slack uses. The caller holds mu.
func (s *Slack) newTrigger(user string) string {
	id := s.next("7300.") + "." + s.next("trigger")
	s.triggers[id] = &trigger{user: user, expires: s.cfg.Now().Add(triggerLife)}
	return id
}

// exchange uses a trigger up; the user is whose screen the modal opens on.
func (s *Slack) exchange(id string) (string, error) {
	t := s.triggers[id]
	switch {
	case t == nil:
		return "", refuse("invalid_trigger_id")
	case t.used:
		return "", refuse("exchanged_trigger_id")
	case s.cfg.Now().After(t.expires):
		return "", refuse("expired_trigger_id")
	}
	t.used = true
	return t.user, nil
}
