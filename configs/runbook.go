package configs

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/pointsman/pointsman"
)

// Shipped are the runbooks that come with the program, in the folder "runbooks".
//
//go:embed runbooks/*.yaml
var Shipped embed.FS

// DefaultExpiry is how long a proposal waits for approval where its runbook does not say.
const DefaultExpiry = 15 * time.Minute

// ShippedRunbooks reads the embedded runbooks.
func ShippedRunbooks() ([]pointsman.Runbook, []pointsman.Fault) {
	return LoadRunbooks(Shipped, "runbooks")
}

// LoadRunbooks reads every *.yaml file of the folders and every file named, in order. The faults tell everything that
// is wrong with their form; what the words mean is checked by the rooms that know them.
func LoadRunbooks(fsys fs.FS, names ...string) ([]pointsman.Runbook, []pointsman.Fault) {
	var out []pointsman.Runbook
	var faults []pointsman.Fault
	for _, name := range names {
		files, wrong := listing(fsys, name)
		faults = append(faults, wrong...)
		for _, f := range files {
			data, err := fs.ReadFile(fsys, f)
			if err != nil {
				faults = append(faults, pointsman.Fault{File: f, Text: reason(err)})
				continue
			}
			rb, wrong := DecodeRunbook(f, data)
			faults = append(faults, wrong...)
			if rb.Digest != "" { // else nothing of it was read
				out = append(out, rb)
			}
		}
	}
	return out, append(faults, twice(out)...)
}

// listing is the file itself, or the *.yaml files of the folder.
func listing(fsys fs.FS, name string) ([]string, []pointsman.Fault) {
	entries, err := fs.ReadDir(fsys, name)
	if err != nil {
		return []string{name}, nil // no folder: reading it tells what is wrong, if anything is
	}
	var out []string
	var faults []pointsman.Fault
	for _, e := range entries {
		switch path.Ext(e.Name()) {
		case ".yaml":
			out = append(out, path.Join(name, e.Name()))
		case ".yml":
			faults = append(faults, pointsman.Fault{File: path.Join(name, e.Name()), Text: "runbooks end with .yaml; rename it, or it is not read"})
		}
	}
	if len(out)+len(faults) == 0 {
		faults = append(faults, pointsman.Fault{File: name, Text: "the folder holds no *.yaml file"})
	}
	return out, faults
}

// RunbooksOnDisk reads folders and files of the operating system.
func RunbooksOnDisk(names ...string) ([]pointsman.Runbook, []pointsman.Fault) {
	return LoadRunbooks(onDisk{}, names...)
}

// onDisk reads paths of the operating system, absolute or relative to the working folder.
type onDisk struct{}

// Open implements fs.FS without the rule that a name may not begin with a slash.
func (onDisk) Open(name string) (fs.File, error) { return os.Open(filepath.FromSlash(name)) }

func twice(books []pointsman.Runbook) []pointsman.Fault {
	var faults []pointsman.Fault
	first := map[string]pointsman.Runbook{}
	for _, b := range books {
		other, ok := first[b.Name]
		if ok && b.Name != "" && path.Clean(other.File) == path.Clean(b.File) {
			faults = append(faults, pointsman.Fault{File: b.File, Text: "the file is read twice; name it once, or its folder alone"})
			continue
		}
		if ok && b.Name != "" {
			faults = append(faults, pointsman.Fault{File: b.File, Line: 1, Path: "name", Text: fmt.Sprintf("runbook %s is in %s too; rename one of them", b.Name, other.File)})
			continue
		}
		first[b.Name] = b
	}
	return faults
}

// runbookFile is a runbook as written.
type runbookFile struct {
	Name        string        `yaml:"name"`
	Title       string        `yaml:"title"`
	Description string        `yaml:"description"`
	Owner       string        `yaml:"owner"`
	Review      time.Time     `yaml:"review"`
	Objective   objective     `yaml:"objective"`
	Answers     []yaml.Node   `yaml:"answers"`
	Params      yaml.Node     `yaml:"params"`
	Target      string        `yaml:"target"`
	Modes       []string      `yaml:"modes"`
	Lock        *bool         `yaml:"lock"`
	Deadline    time.Duration `yaml:"deadline"`
	Rejoins     bool          `yaml:"rejoins"`
	Priority    int           `yaml:"priority"`
	Steps       []stepFile    `yaml:"steps"`
	Approval    approval      `yaml:"approval"`
	Comms       cadence       `yaml:"comms"`
	Escalation  Escalation    `yaml:"escalation"`
	Line        int           `yaml:"-"`
}

type objective struct {
	RTO time.Duration `yaml:"rto"`
	RPO time.Duration `yaml:"rpo"`
}

type paramFile struct {
	Type    string   `yaml:"type"`
	Kind    string   `yaml:"kind"`
	Values  []string `yaml:"values"`
	Labels  []string `yaml:"labels"`
	Default string   `yaml:"default"`
	Line    int      `yaml:"-"`
}

// stepFile is an entry under steps: a step, or a group with its members.
type stepFile struct {
	memberFile `yaml:",inline"`
	Parallel   []memberFile `yaml:"parallel"`
}

type memberFile struct {
	Name         string         `yaml:"name"`
	Kind         string         `yaml:"kind"`
	With         map[string]any `yaml:"with"`
	Timeout      time.Duration  `yaml:"timeout"`
	Irreversible bool           `yaml:"irreversible"`
	When         *whenFile      `yaml:"when"`
	Approval     *approval      `yaml:"approval"` // for kind gate
	Ungraceful   map[string]any `yaml:"ungraceful"`
	Skip         skipping       `yaml:"skip"`
	Line         int            `yaml:"-"`
}

// whenFile is a condition: a fact's name, a comparison, a value.
type whenFile struct {
	Fact  string `yaml:"fact"`
	Is    string `yaml:"is"`
	Value string `yaml:"value"`
}

// skipping says who may leave a step out, with a reason.
type skipping struct {
	By []string `yaml:"by"`
}

func (s memberFile) noun() pointsman.RunbookStep {
	out := pointsman.RunbookStep{
		Name: s.Name, Kind: s.Kind, With: s.With, Timeout: s.Timeout, Irreversible: s.Irreversible,
		Ungraceful: s.Ungraceful, SkipBy: s.Skip.By, Line: s.Line,
	}
	if s.When != nil {
		out.When = &pointsman.Condition{Fact: s.When.Fact, Is: s.When.Is, Value: s.When.Value}
	}
	if s.Approval != nil {
		if out.Approval = s.Approval.noun(); out.Approval.Expires == 0 {
			out.Approval.Expires = DefaultExpiry
		}
	}
	return out
}

type approval struct {
	Require             []requirement `yaml:"require"`
	Expires             time.Duration `yaml:"expires"`
	RequesterMayApprove bool          `yaml:"requester_may_approve"`
	ReasonRequired      bool          `yaml:"reason_required"`
}

func (a approval) noun() pointsman.Policy {
	p := pointsman.Policy{RequesterMayApprove: a.RequesterMayApprove, ReasonRequired: a.ReasonRequired, Expires: a.Expires}
	for _, r := range a.Require {
		p.Require = append(p.Require, pointsman.Requirement(r))
	}
	return p
}

type cadence struct {
	Every time.Duration `yaml:"every"`
}

// Escalation says when which PagerDuty service is paged.
type Escalation struct {
	After   time.Duration `yaml:"after"`
	Service string        `yaml:"service"`
}

// requirement is written as people say it: "2 of dba".
type requirement pointsman.Requirement

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *requirement) UnmarshalText(b []byte) error {
	var n int
	var role, rest string
	got, _ := fmt.Sscanf(string(b), "%d of %s %s", &n, &role, &rest)
	if got != 2 || n < 1 || n > 20 {
		return fmt.Errorf("%q is no requirement; write a number from 1 to 20 and a role, for example 2 of dba", b)
	}
	*r = requirement{Count: n, Role: role}
	return nil
}

// DecodeRunbook reads one runbook file. The name of the file serves the faults and the name that is expected inside.
func DecodeRunbook(file string, data []byte) (pointsman.Runbook, []pointsman.Fault) {
	d := newDecoder(file)
	w := runbookFile{Approval: approval{Expires: DefaultExpiry}}
	if !d.decode(data, &w) {
		return pointsman.Runbook{File: file}, d.faults
	}
	sum := sha256.Sum256(data)
	rb := pointsman.Runbook{
		Name: w.Name, Title: w.Title, Description: strings.TrimSpace(w.Description), Owner: w.Owner, Review: w.Review,
		Objective: pointsman.Objective(w.Objective), Target: w.Target, Lock: w.Lock == nil || *w.Lock, Rejoins: w.Rejoins, Priority: w.Priority, Deadline: w.Deadline,
		Comms: pointsman.Cadence(w.Comms), Escalation: pointsman.Escalation(w.Escalation),
		Approval: w.Approval.noun(),
		File:     file, Line: w.Line, Digest: hex.EncodeToString(sum[:]),
	}
	for _, m := range w.Modes {
		rb.Modes = append(rb.Modes, pointsman.Mode(m))
	}
	for _, s := range w.Steps {
		rb.Steps = append(rb.Steps, s.nouns()...)
	}
	rb.Answers, rb.Params = d.answers(w.Answers), d.params(&w.Params)
	if len(d.faults) == 0 {
		d.parallel(w.Steps)
	}
	d.judge(rb)
	return rb, d.faults
}

// answers reads sets of matchers: a list of lists, each set on its own line.
func (d *decoder) answers(nodes []yaml.Node) []pointsman.AnswerTo {
	var out []pointsman.AnswerTo
	for i := range nodes {
		n, at := &nodes[i], fmt.Sprintf("answers[%d]", i)
		if n.Kind != yaml.SequenceNode {
			d.fault(n, at, `%s is %s, want a list of matchers, for example ['alertname="PrimaryDown"']`, show(n), kindName(n))
			continue
		}
		a := pointsman.AnswerTo{Line: n.Line}
		for _, m := range n.Content {
			a.Matchers = append(a.Matchers, m.Value)
		}
		out = append(out, a)
	}
	return out
}

// params keeps the order in which they are written, because people read them in it.
func (d *decoder) params(n *yaml.Node) []pointsman.Param {
	if n.Kind == 0 {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		d.fault(n, "params", "%s is %s, want a name with type for each parameter", show(n), kindName(n))
		return nil
	}
	var out []pointsman.Param
	for i := 0; i+1 < len(n.Content); i += 2 {
		var p paramFile
		key := n.Content[i]
		if first := slices.IndexFunc(out, func(p pointsman.Param) bool { return p.Name == key.Value }); first >= 0 {
			d.fault(key, "params."+key.Value, "the parameter is there twice, first on line %d; keep one of them", out[first].Line)
			continue
		}
		d.into(n.Content[i+1], &p, "params."+key.Value)
		out = append(out, pointsman.Param{Name: key.Value, Type: p.Type, Kind: p.Kind, Values: p.Values, Labels: p.Labels, Default: p.Default, Line: key.Line})
	}
	return out
}
