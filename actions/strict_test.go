package actions

import (
	"encoding/json"
	"testing"
)

func TestArgumentsOfTheWrongTypeAreToldInARunbooksWords(t *testing.T) {
	t.Parallel()
	type args struct {
		Command string            `json:"command"`
		Count   int               `json:"count"`
		Share   float64           `json:"share"`
		Force   bool              `json:"force"`
		Names   []string          `json:"names"`
		Labels  map[string]string `json:"labels"`
	}
	for with, want := range map[string]string{
		`{"command":["ls"]}`:     `arguments {"command":["ls"]}: command: there is a list where text is wanted`,
		`{"command":7}`:          `arguments {"command":7}: command: there is a number where text is wanted`,
		`{"count":1.5}`:          `arguments {"count":1.5}: count: there is a number 1.5 where a whole number is wanted`,
		`{"share":"half"}`:       `arguments {"share":"half"}: share: there is text where a number is wanted`,
		`{"force":"yes"}`:        `arguments {"force":"yes"}: force: there is text where true or false is wanted`,
		`{"names":"a"}`:          `arguments {"names":"a"}: names: there is text where a list is wanted`,
		`{"names":[true]}`:       `arguments {"names":[true]}: names: there is true or false where text is wanted`,
		`{"labels":{"a":{}}}`:    `arguments {"labels":{"a":{}}}: labels: there is a section where text is wanted`,
		`{"labels":["a"]}`:       `arguments {"labels":["a"]}: labels: there is a list where a section is wanted`,
		`{"comand":"restart"}`:   `arguments {"comand":"restart"}: json: unknown field "comand", did you mean "command"?`,
		`["restart"]`:            `arguments ["restart"]: json: cannot unmarshal array into Go value of type actions.args`,
		`{"command":"ls"} "two"`: `arguments {"command":"ls"} "two": more than one value`,
	} {
		if err := decodeStrict(json.RawMessage(with), &args{}); err == nil || err.Error() != want {
			t.Errorf("%s\nsays  %v\nwants %s", with, err, want)
		}
	}
}
