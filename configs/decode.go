package configs

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/pointsman/pointsman"
)

// decoder reads YAML nodes into structs strictly and goes on after a fault, so that one look shows all of them. A
// library that stops at the first fault makes a person start a server ten times.
type decoder struct {
	file   string
	faults []pointsman.Fault
	lines  map[string]int // path -> line, for the checks that come later
	visits int
	depth  int
	hushed bool // inside of a secret, of which nothing is shown
}

// What aliases can make of a small file is bounded in both directions: an alias may stand for the list it is in.
const (
	maxVisits = 20_000
	maxDepth  = 40
)

func newDecoder(file string) *decoder { return &decoder{file: file, lines: map[string]int{}} }

func (d *decoder) fault(n *yaml.Node, path, format string, args ...any) {
	line := 0
	if n != nil {
		line = n.Line
	}
	d.faults = append(d.faults, pointsman.Fault{File: d.file, Line: line, Path: path, Text: fmt.Sprintf(format, args...)})
}

// decode parses the bytes and decodes the one document in them into v, a pointer to a struct. It reports whether there
// was a document at all.
func (d *decoder) decode(data []byte, v any) bool {
	root, ok := d.parse(data)
	if ok {
		d.value(root, reflect.ValueOf(v).Elem(), "")
	}
	return ok
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
	nodeType     = reflect.TypeFor[yaml.Node]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// value decodes one node. What is wrong leaves v as it was.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	if d.visits++; d.visits > maxVisits {
		if d.visits == maxVisits+1 {
			d.fault(n, path, "the file is too large, or its aliases make it so; write it out without them")
		}
		return
	}
	if d.depth++; d.depth > maxDepth {
		d.fault(n, "", "the file is nested more than %d deep", maxDepth)
		d.depth--
		return
	}
	defer func() { d.depth-- }()
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	d.lines[path] = n.Line
	if isNull(n) {
		if v.Kind() == reflect.Bool { // a key without its word counts as said, and nobody can tell what was meant
			d.fault(n, path, "nothing stands there; write true or false")
		}
		return
	}
	switch {
	case v.Type() == nodeType:
		v.Set(reflect.ValueOf(*n))
	case v.Kind() == reflect.Pointer:
		fresh := reflect.New(v.Type().Elem())
		d.value(n, fresh.Elem(), path)
		v.Set(fresh)
	case v.Type() == durationType:
		d.duration(n, v, path)
	case v.Type() == timeType:
		d.date(n, v, path)
	case v.Addr().Type().Implements(textType):
		d.text(n, v, path)
	case v.Kind() == reflect.Struct:
		d.object(n, v, path)
	case v.Kind() == reflect.Slice:
		d.list(n, v, path)
	case v.Kind() == reflect.Map:
		d.mapping(n, v, path)
	default:
		d.scalar(n, v, path)
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// object decodes a mapping into a struct: unknown and repeated keys are faults.
func (d *decoder) object(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.fault(n, path, "%s is %s, want a section with keys", d.show(n, v), kindName(n))
		return
	}
	fields := fieldsOf(v)
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		at := join(path, key.Value)
		if first, twice := seen[key.Value]; twice {
			d.fault(key, at, "the key is there twice, first on line %d; keep one of them", first)
			continue
		}
		seen[key.Value] = key.Line
		f, known := fields[key.Value]
		if !known {
			d.unknown(key, at, fields)
			continue
		}
		hushed := d.hushed
		d.hushed = hushed || isSecret(fields, key.Value)
		d.value(val, f, at)
		d.hushed = hushed
	}
	if f := v.FieldByName("Line"); f.IsValid() && f.Kind() == reflect.Int && f.CanSet() {
		f.SetInt(int64(n.Line))
	}
}

func (d *decoder) unknown(key *yaml.Node, at string, fields map[string]reflect.Value) {
	if key.Value == "<<" {
		d.fault(key, at, "merge keys are not read; write the keys out")
		return
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	if s := nearest(key.Value, names); s != "" {
		d.fault(key, at, "unknown key, did you mean %s?", s)
		return
	}
	d.fault(key, at, "unknown key; known here: %s", listed(names))
}

// fieldsOf maps YAML keys to the fields that take them; embedded structs with ",inline" add theirs.
func fieldsOf(v reflect.Value) map[string]reflect.Value {
	out := map[string]reflect.Value{}
	for i := range v.NumField() {
		name, opts, tagged := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		switch {
		case tagged && opts == "inline":
			for k, f := range fieldsOf(v.Field(i)) {
				out[k] = f
			}
		case name != "" && name != "-":
			out[name] = v.Field(i)
		}
	}
	return out
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		d.fault(n, path, "%s is %s, want a list; write each entry after a dash", d.show(n, v), kindName(n))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, c := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		if isNull(c) {
			d.fault(c, at, "the entry is empty; delete the dash or write a value")
			continue
		}
		d.value(c, out.Index(i), at)
	}
	v.Set(out)
}

// mapping decodes free keys. Of free values (any) the library's own decoder takes care.
func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.fault(n, path, "%s is %s, want keys with values", d.show(n, v), kindName(n))
		return
	}
	out := reflect.MakeMap(v.Type())
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		at := join(path, key.Value)
		if out.MapIndex(reflect.ValueOf(key.Value)).IsValid() {
			d.fault(key, at, "the key is there twice; keep one of them")
			continue
		}
		one := reflect.New(v.Type().Elem()).Elem()
		if one.Kind() == reflect.Interface {
			one.Set(reflect.ValueOf(d.free(val, at)))
		} else {
			d.value(val, one, at)
		}
		out.SetMapIndex(reflect.ValueOf(key.Value), one)
	}
	v.Set(out)
}

// free decodes a value whose type the file decides: text, number, bool, list or keys.
func (d *decoder) free(n *yaml.Node, path string) any {
	var v any
	if err := n.Decode(&v); err != nil {
		d.fault(n, path, "%s", strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\n", " "), "yaml: "))
	}
	if v == nil {
		return ""
	}
	return v
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		d.fault(n, path, "%s is %s, want one value", d.show(n, v), kindName(n))
		return
	}
	if err := setScalar(v, n.Value); err != nil && d.hushed {
		d.fault(n, path, "the value cannot be read here")
	} else if err != nil {
		d.fault(n, path, "%s", err)
	}
}

// setScalar puts a written value into a string, bool, integer or float.
func setScalar(v reflect.Value, s string) error {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", s)
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int64, reflect.Int32:
		i, err := parseSize(s)
		if err != nil || v.OverflowInt(i) {
			return fmt.Errorf("%q is no whole number; write for example 5, or a size such as 16MiB", s)
		}
		v.SetInt(i)
	case reflect.Uint, reflect.Uint64, reflect.Uint32:
		i, err := parseSize(s)
		if err != nil || i < 0 || v.OverflowUint(uint64(i)) {
			return fmt.Errorf("%q is no whole number from 0 up", s)
		}
		v.SetUint(uint64(i))
	case reflect.Float64:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return fmt.Errorf("%q is no number", s)
		}
		v.SetFloat(f)
	default:
		return fmt.Errorf("%q cannot be read into a %s", s, v.Type())
	}
	return nil
}

func (d *decoder) text(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		d.fault(n, path, "%s is %s, want one value", d.show(n, v), kindName(n))
		return
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.Value)); err != nil {
		d.fault(n, path, "%s", err)
	}
}

func (d *decoder) duration(n *yaml.Node, v reflect.Value, path string) {
	dur, err := parseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		d.fault(n, path, "%s is no duration; write a number from 0 up with a unit, for example 30s, 5m or 1h30m%s", d.show(n, v), inHours(n.Value))
		return
	}
	v.SetInt(int64(dur))
}

// inHours is how days are written.
func inHours(s string) string {
	n, err := strconv.ParseUint(strings.TrimSuffix(s, "d"), 10, 16)
	if err != nil || !strings.HasSuffix(s, "d") {
		return ""
	}
	return fmt.Sprintf("; there is no unit for days, write %dh", 24*n)
}

func parseDuration(s string) (time.Duration, error) {
	dur, err := time.ParseDuration(s)
	if err == nil && dur < 0 {
		return 0, fmt.Errorf("%s is negative", s)
	}
	return dur, err
}

func (d *decoder) date(n *yaml.Node, v reflect.Value, path string) {
	at, err := time.Parse(time.DateOnly, n.Value)
	if err != nil {
		d.fault(n, path, "%s is no date; write it as 2027-02-01", d.show(n, v))
		return
	}
	v.Set(reflect.ValueOf(at))
}

// into decodes a node that was kept for later.
func (d *decoder) into(n *yaml.Node, v any, path string) { d.value(n, reflect.ValueOf(v).Elem(), path) }
