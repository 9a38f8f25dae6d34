package fakeslack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// SubmitView fills in a modal and submits it. values go by action_id, block_id or label; for lists, several separated by
// commas. Fields left out keep their initial value. As Slack does, it refuses a required field left empty without asking
// the app. What the app answers (errors, update, push, clear) changes the modal.
func (s *Slack) SubmitView(ctx context.Context, user, viewID string, values map[string]string) (Reply, error) {
	s.mu.Lock()
	v, err := s.view(viewID)
	if err == nil && v.User != user {
		err = fmt.Errorf("view %s is on the screen of %s", viewID, v.User)
	}
	if err == nil {
		err = v.fill(values)
	}
	if err != nil {
		s.mu.Unlock()
		return Reply{}, err
	}
	u, _ := s.user(user)
	payload := s.interaction("view_submission", u)
	payload["view"], payload["response_urls"] = v.wire(), []any{}
	s.mu.Unlock()
	r, err := s.deliver(ctx, interactive, payload)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || r.Status != 200 {
		v.Errors = map[string]string{"": "We had some trouble connecting. Try again?"}
		s.notify()
		return r, err
	}
	return r, s.afterSubmit(v, r.Body)
}

// fill sets state.values from what a person entered.
func (v *View) fill(values map[string]string) error {
	used := map[string]bool{}
	state := map[string]map[string]any{}
	for _, b := range v.Blocks {
		if b["type"] != "input" {
			continue
		}
		view := decode[blockView](b)
		element, _ := b["element"].(map[string]any)
		entered := initial(*view.Element)
		for _, name := range []string{view.Element.ActionID, view.BlockID, view.Label.Text} {
			if text, ok := values[name]; ok {
				used[name], entered = true, split(view.Element.Type, text)
				break
			}
		}
		if len(entered) == 0 && !view.Optional {
			return fmt.Errorf("%s: please complete this required field", view.Label.Text)
		}
		if n := view.Element.MaxLength; n > 0 && len(entered) > 0 && len([]rune(entered[0])) > n {
			return fmt.Errorf("%s: must be less than %d characters", view.Label.Text, n+1)
		}
		if n := view.Element.MinLength; n > 0 && len(entered) > 0 && len([]rune(entered[0])) < n {
			return fmt.Errorf("%s: must be more than %d characters", view.Label.Text, n-1)
		}
		answer, err := answerOf(element, entered)
		if err != nil {
			return err
		}
		state[view.BlockID] = map[string]any{view.Element.ActionID: answer}
	}
	for name := range values {
		if !used[name] {
			return fmt.Errorf("view %s has no field %q", v.ID, name)
		}
	}
	v.values = state
	return nil
}

func split(kind, text string) []string {
	if text == "" {
		return nil
	}
	if strings.HasPrefix(kind, "multi_") || kind == "checkboxes" {
		return strings.Split(text, ",")
	}
	return []string{text}
}

// initial is what the field holds before anybody touches it.
func initial(e elementView) []string {
	out := e.InitialUsers
	for _, t := range []string{e.InitialValue, e.InitialUser, e.InitialDate, e.InitialTime} {
		if t != "" {
			out = append(out, t)
		}
	}
	if e.InitialOption != nil {
		out = append(out, e.InitialOption.Value)
	}
	for _, o := range e.InitialOptions {
		out = append(out, o.Value)
	}
	return out
}

// afterSubmit does what the answer to view_submission asks for; an empty answer closes the modal.
func (s *Slack) afterSubmit(v *View, body []byte) error {
	defer s.notify()
	if len(bytes.TrimSpace(body)) == 0 {
		s.closeView(v.ID)
		return nil
	}
	var answer struct {
		Action string            `json:"response_action"`
		Errors map[string]string `json:"errors"`
		View   map[string]any    `json:"view"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("answer to view_submission: %w", err)
	}
	switch answer.Action {
	case "":
		s.closeView(v.ID)
	case "clear":
		s.closeViews(v.User)
	case "errors":
		for id := range answer.Errors {
			if !v.hasInput(id) {
				return fmt.Errorf("answer to view_submission: no input block %q", id)
			}
		}
		v.Errors = answer.Errors
	case "update", "push":
		blocks, err := viewRules(answer.View)
		if err != nil {
			if r, ok := errors.AsType[*refusal](err); ok {
				return fmt.Errorf("answer to view_submission: %w: %v", err, r.messages)
			}
			return fmt.Errorf("answer to view_submission: %w", err)
		}
		if answer.Action == "push" {
			s.showView(v.User, answer.View, blocks, v)
			return nil
		}
		s.fillView(v, answer.View, blocks)
	default:
		return fmt.Errorf("answer to view_submission: unknown response_action %q", answer.Action)
	}
	return nil
}

func (v *View) hasInput(blockID string) bool {
	for _, b := range v.Blocks {
		if b["block_id"] == blockID && b["type"] == "input" {
			return true
		}
	}
	return false
}

// CloseView dismisses a modal, telling the app when the view asked for that with notify_on_close.
func (s *Slack) CloseView(ctx context.Context, user, viewID string) (Reply, error) {
	s.mu.Lock()
	v, err := s.view(viewID)
	if err != nil {
		s.mu.Unlock()
		return Reply{}, err
	}
	s.closeView(viewID)
	u, _ := s.user(user)
	payload := s.interaction("view_closed", u)
	delete(payload, "trigger_id")
	payload["view"], payload["is_cleared"] = v.wire(), false
	told, _ := v.raw["notify_on_close"].(bool)
	s.mu.Unlock()
	if !told {
		return Reply{}, nil
	}
	return s.deliver(ctx, interactive, payload)
}
