package fakeslack

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Block is a Block Kit block as the app sent it, with the ids that Slack adds where they were left out.
type Block = map[string]any

// Limits of a message that the schemas cannot say. maxBlocksText is not documented; a Slack engineer named it in
// slackapi/bolt-js#2509, and measurements there put refusals between 11,300 and 13,200 characters.
const (
	maxBlocks       = 50
	maxModalBlocks  = 100
	maxBlocksText   = 12_000
	maxMarkdown     = 12_000
	maxText         = 40_000
	maxUpdateText   = 4_000
	maxMetadataSize = 16_384
)

// readBlocks takes the blocks argument of a call: absent, or valid, or a refusal.
func (s *Slack) readBlocks(c *call) (blocks []Block, given bool, err error) {
	given, err = c.json("blocks", &blocks)
	if err != nil {
		return nil, true, refuse("invalid_blocks_format")
	}
	if err := checkBlocks(blocks, maxBlocks, "blocks"); err != nil {
		return nil, given, err
	}
	if n := textLength(asAny(blocks)); n > maxBlocksText {
		return nil, given, refuse("msg_blocks_too_long", fmt.Sprintf("%d characters of text in blocks, limit %d", n, maxBlocksText))
	}
	return s.withIDs(blocks), given, nil
}

// checkBlocks answers invalid_blocks with every flaw, or nil.
func checkBlocks(blocks []Block, most int, at ...string) error {
	var flaws []flaw
	if len(blocks) > most {
		flaws = append(flaws, flaw{at: at, text: fmt.Sprintf("no more than %d items allowed", most)})
	}
	ids := map[string]bool{}
	for i, b := range blocks {
		here := append(slices.Clone(at), strconv.Itoa(i))
		kind, _ := b["type"].(string)
		schema, ok := compiled().blocks[kind]
		if !ok {
			flaws = append(flaws, flaw{at: append(here, "type"), text: "unsupported type: " + kind})
			continue
		}
		flaws = append(flaws, flawsOf(schema, any(b), here...)...)
		flaws = append(flaws, blockRules(b, here)...)
		if id, _ := b["block_id"].(string); id != "" {
			if ids[id] {
				flaws = append(flaws, flaw{at: append(slices.Clone(here), "block_id"), text: "block_id already exists: " + id})
			}
			ids[id] = true
		}
	}
	if len(flaws) == 0 {
		return nil
	}
	said := make([]string, len(flaws))
	for i, f := range flaws {
		said[i] = f.String()
	}
	return refuse("invalid_blocks", said...)
}

// blockRules are the rules between the fields of a block.
func blockRules(b Block, at []string) []flaw {
	var flaws []flaw
	say := func(text string, more ...string) {
		flaws = append(flaws, flaw{at: append(slices.Clone(at), more...), text: text})
	}
	switch b["type"] {
	case "section":
		if b["text"] == nil && count(b["fields"]) == 0 {
			say("missing required field: text or fields")
		}
	case "actions", "context":
		if count(b["elements"]) == 0 {
			say("no fewer than 1 items allowed", "elements")
		}
	case "markdown":
		if t, _ := b["text"].(string); utf8.RuneCountInString(t) > maxMarkdown {
			say(fmt.Sprintf("must be less than %d characters", maxMarkdown+1), "text")
		}
	}
	actions := map[string]bool{}
	walk(b, at, func(o map[string]any, where []string) {
		for _, rule := range objectRules(o) {
			flaws = append(flaws, flaw{at: where, text: rule})
		}
		if id, _ := o["action_id"].(string); id != "" {
			if actions[id] {
				flaws = append(flaws, flaw{at: append(slices.Clone(where), "action_id"), text: "action_id already exists: " + id})
			}
			actions[id] = true
		}
	})
	return flaws
}

// objectRules are the rules of one element or text object inside a block.
func objectRules(o map[string]any) (said []string) {
	switch o["type"] {
	case "plain_text", "mrkdwn":
		if o["text"] == "" {
			said = append(said, "must be more than 0 characters")
		}
	case "overflow", "checkboxes", "radio_buttons":
		if count(o["options"]) == 0 {
			said = append(said, "no fewer than 1 items allowed in options")
		}
	case "static_select", "multi_static_select":
		if (count(o["options"]) == 0) == (count(o["option_groups"]) == 0) {
			said = append(said, "must have options or option_groups, and not both")
		}
	case "button":
		if link, ok := o["url"].(string); ok {
			if u, err := url.Parse(link); err != nil || u.Host == "" {
				said = append(said, "must be a valid URL")
			}
		}
	case "plain_text_input":
		if n, ok := number(o["max_length"]); ok && (n < 1 || n > 3000) {
			said = append(said, "max_length must be between 1 and 3000")
		}
	}
	return said
}

func number(v any) (float64, bool) {
	n, ok := v.(float64)
	return n, ok
}

func count(v any) int {
	list, _ := v.([]any)
	return len(list)
}

// walk calls visit for every object below v, v included.
func walk(v any, at []string, visit func(map[string]any, []string)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v, at)
		for key, inner := range v {
			walk(inner, append(slices.Clone(at), key), visit)
		}
	case []any:
		for i, inner := range v {
			walk(inner, append(slices.Clone(at), strconv.Itoa(i)), visit)
		}
	}
}

// textLength sums all "text" strings, in characters.
func textLength(v any) int {
	n := 0
	walk(v, nil, func(o map[string]any, _ []string) {
		t, _ := o["text"].(string)
		n += utf8.RuneCountInString(t)
	})
	return n
}

func asAny[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

// withIDs fills in the block_id and action_id that were left out, as Slack does.
func (s *Slack) withIDs(blocks []Block) []Block {
	interactive := []string{"actions", "section", "input", "context_actions"}
	for _, b := range blocks {
		if id, _ := b["block_id"].(string); id == "" {
			b["block_id"] = s.next("b")
		}
		if !slices.Contains(interactive, b["type"].(string)) {
			continue
		}
		walk(b, nil, func(o map[string]any, _ []string) {
			kind, _ := o["type"].(string)
			if id, _ := o["action_id"].(string); id == "" && isElement(kind) {
				o["action_id"] = s.next("a")
			}
		})
	}
	return blocks
}

// isElement tells what can be clicked or filled in from texts and pictures.
func isElement(kind string) bool {
	return slices.Contains([]string{
		"button", "overflow", "checkboxes", "radio_buttons", "static_select", "multi_static_select", "users_select",
		"multi_users_select", "channels_select", "conversations_select", "external_select", "datepicker", "timepicker",
		"datetimepicker", "plain_text_input", "email_text_input", "url_text_input", "number_input", "workflow_button",
	}, kind)
}

// readMetadata keeps metadata only when it is whole: Slack drops it silently otherwise.
func readMetadata(c *call) (*Metadata, error) {
	var doc any
	given, err := c.json("metadata", &doc)
	switch {
	case err != nil:
		return nil, refuse("invalid_metadata_format")
	case !given || compiled().metadata.Validate(doc) != nil:
		return nil, nil
	case len(c.text("metadata")) > maxMetadataSize:
		return nil, refuse("metadata_too_large")
	}
	var m Metadata
	if err := json.Unmarshal([]byte(c.text("metadata")), &m); err != nil || m.EventType == "" {
		return nil, nil
	}
	return &m, nil
}
