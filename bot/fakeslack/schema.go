package fakeslack

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

//go:embed schema/message.json schema/view.json
var schemaFiles embed.FS

// shapes holds the compiled JSON Schema of every block type, of the message metadata and of the modal. They are written
// after the types of Slack's own SDK (@slack/types), closed against unknown properties, with its documented limits.
type shapes struct {
	blocks   map[string]*jsonschema.Schema
	metadata *jsonschema.Schema
	modal    *jsonschema.Schema
}

// compiled is one value for the process: the schemas never change and take 30 ms to compile.
var compiled = sync.OnceValue(compileShapes)

func compileShapes() shapes {
	c := jsonschema.NewCompiler()
	out := shapes{blocks: map[string]*jsonschema.Schema{}}
	var doc map[string]any
	for _, name := range []string{"message.json", "view.json"} {
		raw, err := schemaFiles.ReadFile("schema/" + name)
		if err != nil {
			panic(err) // embedded: cannot be missing
		}
		parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			panic(fmt.Errorf("%s: %w", name, err))
		}
		doc = parsed.(map[string]any)
		// Blocks are validated one by one below, by their type: the list's own "any of 20 blocks or an unknown one" lets
		// a section without text and an invented type pass, and its faults name every branch.
		if modal, ok := definition(doc, "ModalView"); ok {
			modal["properties"].(map[string]any)["blocks"] = map[string]any{"type": "array", "maxItems": 100}
		}
		if err := c.AddResource(name, parsed); err != nil {
			panic(fmt.Errorf("%s: %w", name, err))
		}
	}
	known, _ := definition(doc, "KnownBlock")
	for _, branch := range known["anyOf"].([]any) {
		ref := branch.(map[string]any)["$ref"].(string)
		d, _ := definition(doc, strings.TrimPrefix(ref, "#/definitions/"))
		for _, t := range typesOf(d) {
			out.blocks[t] = c.MustCompile("message.json" + ref)
		}
	}
	out.metadata = c.MustCompile("message.json#/definitions/MessageMetadata")
	out.modal = c.MustCompile("view.json#/definitions/ModalView")
	return out
}

func definition(doc map[string]any, name string) (map[string]any, bool) {
	d, ok := doc["definitions"].(map[string]any)[name].(map[string]any)
	return d, ok
}

// typesOf reads the "type" constants a definition accepts.
func typesOf(d map[string]any) []string {
	if props, ok := d["properties"].(map[string]any); ok {
		t, _ := props["type"].(map[string]any)["const"].(string)
		return []string{t}
	}
	var out []string
	for _, branch := range d["anyOf"].([]any) {
		out = append(out, typesOf(branch.(map[string]any))...)
	}
	return out
}

// flaw is one thing wrong in a document, and where.
type flaw struct {
	at   []string // path in the document
	text string
	kind bool // the "type" does not fit: another branch of an anyOf may be meant
}

// String is worded as Slack words response_metadata.messages.
func (f flaw) String() string {
	return fmt.Sprintf("%s [json-pointer:/%s]", f.text, strings.Join(f.at, "/"))
}

func flawsOf(schema *jsonschema.Schema, doc any, at ...string) []flaw {
	err := schema.Validate(doc)
	if err == nil {
		return nil
	}
	var found []flaw
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return []flaw{{at: at, text: err.Error()}}
	}
	for _, f := range flatten(invalid) {
		f.at = append(slices.Clone(at), f.at...)
		found = append(found, f)
	}
	return found
}

// flatten turns the tree of validation errors into the flaws of the branch that was meant: the one whose "type" fits.
func flatten(e *jsonschema.ValidationError) []flaw {
	if len(e.Causes) == 0 {
		return []flaw{leaf(e)}
	}
	_, choice := e.ErrorKind.(*kind.AnyOf)
	if !choice {
		var all []flaw
		for _, c := range e.Causes {
			all = append(all, flatten(c)...)
		}
		return all
	}
	var best []flaw
	typeAt := append(slices.Clone(e.InstanceLocation), "type")
	for _, c := range e.Causes {
		branch := flatten(c)
		wrong := slices.ContainsFunc(branch, func(f flaw) bool { return f.kind && slices.Equal(f.at, typeAt) })
		if !wrong && (best == nil || len(branch) < len(best)) {
			best = branch
		}
	}
	if best == nil {
		return []flaw{{at: typeAt, text: "unsupported type", kind: true}}
	}
	return best
}

func leaf(e *jsonschema.ValidationError) flaw {
	f := flaw{at: e.InstanceLocation}
	switch k := e.ErrorKind.(type) {
	case *kind.MaxLength:
		f.text = "must be less than " + strconv.Itoa(k.Want+1) + " characters"
	case *kind.MaxItems:
		f.text = "no more than " + strconv.Itoa(k.Want) + " items allowed"
	case *kind.Required:
		f.text = "missing required field: " + strings.Join(k.Missing, ", ")
	case *kind.AdditionalProperties:
		f.text = "no more than the known properties allowed: " + strings.Join(k.Properties, ", ")
	case *kind.Const:
		f.text = fmt.Sprintf("must be %v", k.Want)
		if len(f.at) > 0 && f.at[len(f.at)-1] == "type" {
			f.kind, f.text = true, fmt.Sprintf("unsupported type: %v", k.Got)
		}
	case *kind.Enum:
		f.text = fmt.Sprintf("must be a valid enum value, not %v", k.Got)
	case *kind.Type:
		f.text = "must be of type " + strings.Join(k.Want, " or ")
	default:
		f.text = e.Error()
	}
	return f
}
