package actions

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
)

// reference is the only substitution there is: ${name} of a parameter or a pin, as a whole or within a string value.
// There is no expression language on purpose; a label can never become a template.
var reference = regexp.MustCompile(`\$\{([a-zA-Z_][a-zA-Z0-9_]*)\}`)

// references lists the names that the arguments refer to, each once.
func references(v any) []string {
	var out []string
	walk(v, func(s string) string {
		for _, m := range reference.FindAllStringSubmatch(s, -1) {
			if !slices.Contains(out, m[1]) {
				out = append(out, m[1])
			}
		}
		return s
	})
	slices.Sort(out)
	return out
}

// fill returns the arguments as JSON with every reference replaced. A name without a value is an error.
func fill(args map[string]any, values map[string]string) (json.RawMessage, error) {
	var missing []string
	filled := walk(args, func(s string) string {
		return reference.ReplaceAllStringFunc(s, func(ref string) string {
			name := reference.FindStringSubmatch(ref)[1]
			v, ok := values[name]
			if !ok && !slices.Contains(missing, name) {
				missing = append(missing, name)
			}
			return v
		})
	})
	if len(missing) > 0 {
		return nil, fmt.Errorf("no value for %v", missing)
	}
	if args == nil {
		return json.RawMessage("{}"), nil
	}
	return json.Marshal(filled)
}

// walk rebuilds the value with f applied to every string in it.
func walk(v any, f func(string) string) any {
	switch x := v.(type) {
	case string:
		return f(x)
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			out[k] = walk(e, f)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = walk(e, f)
		}
		return out
	}
	return v
}
