package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/pointsman/pointsman"
)

var yamlLine = regexp.MustCompile(`line (\d+): `)

// parse returns the root node of the one document.
func (d *decoder) parse(data []byte) (*yaml.Node, bool) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF) || (err == nil && isNull(doc.Content[0])):
		d.fault(nil, "", "the file is empty")
		return nil, false
	case err != nil:
		d.syntax(err)
		return nil, false
	}
	var second yaml.Node
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		d.fault(&second, "", "a second document follows after ---; write one file for each")
	}
	return doc.Content[0], true
}

// syntax passes on what the parser says, with its line in the place where a line belongs.
func (d *decoder) syntax(err error) {
	f := pointsman.Fault{File: d.file, Text: strings.TrimPrefix(err.Error(), "yaml: ")}
	if m := yamlLine.FindStringSubmatch(f.Text); m != nil {
		f.Line, _ = strconv.Atoi(m[1])
		f.Text = strings.Replace(f.Text, m[0], "", 1)
	}
	f.Text = "this is no YAML: " + f.Text
	if strings.Contains(f.Text, "found character that cannot start any token") {
		f.Text += "; a tab in the indentation is the usual cause, use spaces"
	}
	d.faults = append(d.faults, f)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a section"
	case yaml.SequenceNode:
		return "a list"
	}
	return "one value"
}

// show is a node inside a sentence about v. A secret is not shown, nor what stands where a section with secrets is wanted:
// a space that is missing after the colon makes one value of a key and its secret.
func (d *decoder) show(n *yaml.Node, v reflect.Value) string {
	if d.hushed || holdsSecrets(v.Type(), nil) {
		return "this"
	}
	return show(n)
}

// isSecret reports whether the key of these fields holds a secret: it may stand in a file of its own.
func isSecret(fields map[string]reflect.Value, key string) bool {
	_, twin := fields[key+"_file"]
	return twin || fields[key].Type() == reflect.TypeFor[Secret]()
}

// holdsSecrets reports whether a secret may stand in a value of the type. Types contain themselves: above are those that
// are being looked at.
func holdsSecrets(t reflect.Type, above []reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return holdsSecrets(t.Elem(), above)
	case reflect.Struct:
		if slices.Contains(above, t) || t == timeType || t == nodeType {
			return false
		}
		fields := fieldsOf(reflect.Zero(t))
		for key, f := range fields {
			if isSecret(fields, key) || holdsSecrets(f.Type(), append(above, t)) {
				return true
			}
		}
	}
	return false
}

// show is a node inside a sentence. Only single values are shown: a section may hold secrets.
func show(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && len(n.Value) <= 60 {
		return strconv.Quote(n.Value)
	}
	return "this"
}

func listed(names []string) string {
	slices.Sort(names)
	if len(names) > 12 {
		names = append(names[:12:12], "...")
	}
	return strings.Join(names, ", ")
}

var units = []struct {
	suffix string
	factor int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}}

// parseSize reads a whole number, with a unit of bytes where there is one: "16MiB".
func parseSize(s string) (int64, error) {
	factor, digits := int64(1), s
	for _, u := range units {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			factor, digits = u.factor, strings.TrimSpace(rest)
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("size %q: %w", s, err)
	}
	if n > math.MaxInt64/factor || n < math.MinInt64/factor {
		return 0, fmt.Errorf("size %q is too large", s)
	}
	return n * factor, nil
}

// nearest is the known word that was probably meant, or nothing where none is near.
func nearest(word string, known []string) string {
	best, at := "", max(2, len(word)/3)+1
	slices.Sort(known)
	for _, k := range known {
		if n := distance(strings.ToLower(word), strings.ToLower(k)); n < at {
			best, at = k, n
		}
	}
	return best
}

// distance counts the letters to insert, remove, replace or swap with a neighbour between a and b.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 {
		return 64
	}
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range y {
		rows[0][j+1] = j + 1
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
