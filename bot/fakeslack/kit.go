package fakeslack

import "encoding/json"

// The types below are the readable part of Block Kit, for drawing and for pressing; validation is the schemas' work.

type textView struct{ Type, Text string }

// UnmarshalJSON takes a text object, or the bare string that rich text and context elements carry.
func (t *textView) UnmarshalJSON(raw []byte) error {
	if json.Unmarshal(raw, &t.Text) == nil {
		return nil
	}
	type object textView
	return json.Unmarshal(raw, (*object)(t))
}

// styleView is a name ("danger", "bullet") or, in rich text, a set of switches ("bold").
type styleView struct {
	Name  string
	Flags map[string]bool
}

func (s *styleView) UnmarshalJSON(raw []byte) error {
	if json.Unmarshal(raw, &s.Name) == nil {
		return nil
	}
	return json.Unmarshal(raw, &s.Flags)
}

type blockView struct {
	Type      string
	BlockID   string `json:"block_id"`
	Text      textView
	Fields    []textView
	Elements  []elementView
	Accessory *elementView
	Element   *elementView
	Label     textView
	Hint      textView
	Title     textView
	Optional  bool
	ImageURL  string `json:"image_url"`
	AltText   string `json:"alt_text"`
	Rows      [][]elementView
}

type elementView struct {
	Type           string
	ActionID       string `json:"action_id"`
	Text           textView
	Value          string
	Style          styleView
	URL            string
	Confirm        *confirmView
	Options        []optionView
	OptionGroups   []groupView   `json:"option_groups"`
	InitialOption  *optionView   `json:"initial_option"`
	InitialOptions []optionView  `json:"initial_options"`
	InitialUser    string        `json:"initial_user"`
	InitialUsers   []string      `json:"initial_users"`
	InitialValue   string        `json:"initial_value"`
	InitialDate    string        `json:"initial_date"`
	InitialTime    string        `json:"initial_time"`
	MinLength      int           `json:"min_length"`
	MaxLength      int           `json:"max_length"`
	Multiline      bool          `json:"multiline"`
	Placeholder    textView      `json:"placeholder"`
	Elements       []elementView `json:"elements"`
	Name           string        `json:"name"`
	UserID         string        `json:"user_id"`
	ChannelID      string        `json:"channel_id"`
	Range          string        `json:"range"`
	ImageURL       string        `json:"image_url"`
	AltText        string        `json:"alt_text"`
	Indent         int           `json:"indent"`
}

// all lists the options whether they stand in groups or not.
func (e elementView) all() []optionView {
	out := e.Options
	for _, g := range e.OptionGroups {
		out = append(out, g.Options...)
	}
	return out
}

type optionView struct {
	Text        textView
	Value       string
	Description textView
}

type groupView struct {
	Label   textView
	Options []optionView
}

type confirmView struct {
	Title, Text, Confirm, Deny textView
	Style                      styleView
}

type attachmentView struct {
	Color, Pretext, Title, Text, Footer, Fallback string
	TitleLink                                     string `json:"title_link"`
	Fields                                        []struct {
		Title, Value string
		Short        bool
	}
	Blocks []blockView
}
