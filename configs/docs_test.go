package configs

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestDocs_name_every_key keeps docs/configuration.md complete: a setting that nobody can find does not exist.
func TestDocs_name_every_key(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	keysOf(reflect.ValueOf(Config{}), keys)
	keysOf(reflect.ValueOf(runbookFile{}), keys)
	keysOf(reflect.ValueOf(paramFile{}), keys)
	var missing []string
	for k := range keys {
		if !strings.Contains(string(b), "`"+k+"`") && !strings.Contains(string(b), "\n## "+k+"\n") && !strings.Contains(string(b), "\n### targets."+k+"\n") {
			missing = append(missing, k)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		t.Errorf("docs/configuration.md says nothing about %s", strings.Join(missing, ", "))
	}
}

func keysOf(v reflect.Value, keys map[string]bool) {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		keysOf(reflect.Zero(v.Type().Elem()), keys)
	case reflect.Struct:
		if v.Type() == timeType || v.Type() == nodeType || v.Type() == reflect.TypeFor[Config]() && len(keys) > 0 {
			return
		}
		for name, f := range fieldsOf(v) {
			again := keys[name] && name == "routes" // the tree contains itself
			keys[name] = true
			if !again {
				keysOf(f, keys)
			}
		}
	}
}
