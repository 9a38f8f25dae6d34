package actions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Required reports the first argument that is missing, of pairs of name and value.
func Required(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			return fmt.Errorf("the argument %s is missing", pairs[i])
		}
	}
	return nil
}

// Reference reports whether a value still holds a ${name}, as it does while a runbook is only linted.
func Reference(value string) bool { return strings.Contains(value, "${") }

// decodeStrict reads exactly one JSON value into v. A field that v does not have is an error: a misspelt "timout"
// must not silently mean the default.
func decodeStrict(raw json.RawMessage, v any) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		raw = json.RawMessage("{}")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		if hint := meant(err, v); hint != "" {
			return fmt.Errorf("arguments %s: %w, did you mean %q?", raw, err, hint)
		}
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
			return fmt.Errorf("arguments %s: %s: there is %s where %s is wanted", raw, wrong.Field, written(wrong.Value), wanted(wrong.Type))
		}
		return fmt.Errorf("arguments %s: %w", raw, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("arguments %s: more than one value", raw)
	}
	return nil
}

// meant is the field of v that looks most like the unknown one of which the decoder complains; empty if none does. The
// library has no type for that complaint, so its words are read; other words only cost the hint.
func meant(err error, v any) string {
	_, rest, ok := strings.Cut(err.Error(), `unknown field "`)
	wrong, _, closed := strings.Cut(rest, `"`)
	t := reflect.TypeOf(v)
	if !ok || !closed || t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		return ""
	}
	var names []string
	for _, f := range reflect.VisibleFields(t.Elem()) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return closest(wrong, names)
}

// written says in a runbook's words what stands there: the library tells "string", "bool", "array", "object" or
// "number 1.5".
func written(value string) string {
	switch value {
	case "string":
		return "text"
	case "bool":
		return "true or false"
	case "array":
		return "a list"
	case "object":
		return "a section"
	}
	return "a " + value
}

// wanted says the same of the argument's type.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a section"
	case reflect.Float64:
		return "a number"
	}
	return "a whole number"
}
