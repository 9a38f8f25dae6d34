package alerts

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

// source says where a parameter's value comes from: from an alert's labels or from a person. Either may only choose
// among what is configured. A problem is one sentence; no value and no problem mean that nothing was said.
type source interface {
	pick(p pointsman.Param) (value, problem string)
	advice(runbook string, p pointsman.Param) string // what to do about the problem; may be empty
}

// offer resolves a runbook's parameters. What cannot be resolved becomes the offer's Problem: the card then says so
// and names the candidates, because a guess at night is how the wrong cluster is failed over.
func (r *Router) offer(b *book, from source) pointsman.Offer {
	o := pointsman.Offer{Runbook: b.Name, Title: b.Title, Priority: b.Priority}
	var problems []string
	for _, p := range b.Params {
		value, problem := from.pick(p)
		if value == "" && problem == "" {
			if value, problem = p.Default, r.valid(p, p.Default); value == "" {
				problem = r.lacking(p)
			}
		}
		if problem != "" {
			problems = append(problems, problem+from.advice(b.Name, p))
			continue
		}
		if o.Params == nil {
			o.Params = map[string]string{}
		}
		o.Params[p.Name] = value
		if p.Name == b.Target {
			o.Target, _ = r.target(p.Kind, value)
		}
	}
	if len(problems) > 0 {
		o.Problem = strings.Join(problems, "; ")
		o.Target = pointsman.Target{} // half a plan must not lock or name anything
		o.Params = nil
	}
	return o
}

// lacking says what a parameter without a value needs.
func (r *Router) lacking(p pointsman.Param) string {
	s := fmt.Sprintf("parameter %s has no value; write %s=VALUE", p.Name, p.Name)
	if p.Type == "target" {
		s += "; " + r.candidates(p)
	}
	return s
}

// Offer resolves a runbook that a person asks for, with the parameters they gave. The error is one sentence for them.
func (r *Router) Offer(runbook string, args map[string]string) (pointsman.Offer, error) {
	b := r.book(runbook)
	if b == nil {
		return pointsman.Offer{}, pointsman.Errorf(pointsman.CodeNotFound, "there is no runbook %s", quoted(runbook))
	}
	for _, name := range sorted(args) {
		if !slices.ContainsFunc(b.Params, func(p pointsman.Param) bool { return p.Name == name }) {
			return pointsman.Offer{}, pointsman.Errorf(pointsman.CodeInvalid, "%s has no parameter %s; it has: %s", runbook, quoted(name), names(b.Params))
		}
	}
	o := r.offer(b, fromPerson{r, args})
	if o.Problem != "" {
		return o, pointsman.Errorf(pointsman.CodeInvalid, "%s", o.Problem)
	}
	return o, nil
}

// fromPerson takes values that a person typed.
type fromPerson struct {
	r    *Router
	args map[string]string
}

func (f fromPerson) pick(p pointsman.Param) (string, string) {
	v := f.args[p.Name]
	if v == "" {
		return "", ""
	}
	return v, f.r.valid(p, v)
}

func (f fromPerson) advice(string, pointsman.Param) string { return "" } // they see what they typed

// fromLabels lets labels select.
type fromLabels struct {
	r   *Router
	set map[string]string
}

func (f fromLabels) pick(p pointsman.Param) (string, string) {
	switch p.Type {
	case "target":
		return f.pickTarget(p)
	case "enum":
		for _, l := range p.Labels {
			if v := f.set[l]; v != "" {
				return v, f.r.valid(p, v)
			}
		}
	}
	return "", ""
}

// advice names the way on: a person may say what no label does.
func (f fromLabels) advice(runbook string, p pointsman.Param) string {
	return fmt.Sprintf("; to choose by hand: pointsman run %s %s=... incident=INC-... (this one; in Slack with / before it)", runbook, p.Name)
}

func (f fromLabels) pickTarget(p pointsman.Param) (string, string) {
	var found []string
	looked := slices.Clone(p.Labels)
	for _, t := range f.r.targets {
		if t.Kind != p.Kind {
			continue
		}
		looked = append(looked, t.match.Names()...)
		if (!t.match.Empty() && t.match.Match(f.set)) || f.named(p.Labels, t.Name) {
			found = append(found, t.Name)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], ""
	case len(found) == 0 && p.Default != "":
		return "", ""
	case len(found) == 0:
		return "", fmt.Sprintf("no configured %s matches the alert's labels (%s); %s", p.Kind, said(f.set, looked), f.r.candidates(p))
	}
	return "", fmt.Sprintf("%d configured %s targets match the alert's labels (%s): %s", len(found), p.Kind, said(f.set, looked), strings.Join(found, ", "))
}

func (f fromLabels) named(labels []string, name string) bool {
	return slices.ContainsFunc(labels, func(l string) bool { return f.set[l] == name })
}

// valid says in one sentence why the value is none of the parameter's, or nothing.
func (r *Router) valid(p pointsman.Param, v string) string {
	if v == "" {
		return ""
	}
	switch p.Type {
	case "target":
		if _, ok := r.target(p.Kind, v); !ok {
			return fmt.Sprintf("there is no %s target named %s; %s", p.Kind, quoted(v), r.candidates(p))
		}
	case "enum":
		if !slices.Contains(p.Values, v) {
			return fmt.Sprintf("parameter %s is %s, allowed: %s", p.Name, quoted(v), strings.Join(p.Values, ", "))
		}
	case "duration":
		if d, err := time.ParseDuration(v); err != nil || d < 0 {
			return fmt.Sprintf("parameter %s is %s, which is no duration such as 30s or 5m", p.Name, quoted(v))
		}
	case "int":
		if _, err := strconv.ParseInt(v, 10, 64); err != nil {
			return fmt.Sprintf("parameter %s is %s, which is no whole number", p.Name, quoted(v))
		}
	default:
		return fmt.Sprintf("parameter %s has the unknown type %s", p.Name, p.Type)
	}
	return ""
}

func (r *Router) target(kind, name string) (pointsman.Target, bool) {
	for _, t := range r.targets {
		if t.Kind == kind && t.Name == name {
			return t.Target, true
		}
	}
	return pointsman.Target{}, false
}

func (r *Router) candidates(p pointsman.Param) string {
	var all []string
	for _, t := range r.targets {
		if t.Kind != p.Kind {
			continue
		}
		if t.match.Empty() {
			all = append(all, t.Name)
		} else {
			all = append(all, fmt.Sprintf("%s (%s)", t.Name, t.match))
		}
	}
	if len(all) == 0 {
		return "none is configured under targets." + p.Kind
	}
	return "configured: " + strings.Join(all, ", ")
}
