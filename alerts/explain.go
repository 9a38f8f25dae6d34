package alerts

import (
	"fmt"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

// Explanation is what would come out for one alert: one Outcome per incident.
type Explanation struct {
	Labels   map[string]string
	Outcomes []Outcome
}

// Outcome is the incident that an alert would open or feed.
type Outcome struct {
	Route    string // "route.routes[1]"
	Matchers string
	Also     []string // the other routes that lead to it; what all of them say is joined
	Key      string
	Grouped  bool // the key comes from Alertmanager's own grouping
	Title    string
	Severity string
	Target   pointsman.Target
	Update   time.Duration
	Escalate pointsman.Escalation
	Offers   []pointsman.Offer
}

// Explain tells what would happen to an alert with the labels, as `amtool config routes test` does. It uses the same
// code as the webhook.
func (r *Router) Explain(labels map[string]string) Explanation {
	a := pointsman.Alert{Status: pointsman.AlertFiring, Labels: labels, Fingerprint: fingerprint(labels)}
	m := Message{Receiver: "RECEIVER", GroupKey: "GROUPKEY", Alerts: []pointsman.Alert{a}}
	e := Explanation{Labels: labels}
	for _, g := range r.groups(m) {
		c, first := g.commands(r, m)[0], g.routes[0]
		o := Outcome{
			Route: first.path, Matchers: first.matchers.String(), Key: c.Key, Grouped: strings.HasPrefix(c.Key, "group:"),
			Title: c.Title, Severity: c.Severity, Target: c.Target, Update: c.Update, Escalate: c.Escalate, Offers: c.Offers,
		}
		for _, n := range g.routes[1:] {
			o.Also = append(o.Also, named(n.path, n.matchers.String()))
		}
		e.Outcomes = append(e.Outcomes, o)
	}
	return e
}

// named is a route with what it takes.
func named(path, matchers string) string {
	if matchers == "" {
		return path
	}
	return path + "  (" + matchers + ")"
}

// String is the explanation for people.
func (e Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "alert      %s\n", said(e.Labels, sorted(e.Labels)))
	for _, o := range e.Outcomes {
		fmt.Fprintf(&b, "\nroute      %s", named(o.Route, o.Matchers))
		for _, also := range o.Also {
			fmt.Fprintf(&b, "\n       and %s", also)
		}
		fmt.Fprintf(&b, "\nincident   %s", o.Key)
		if o.Grouped {
			b.WriteString("  (Alertmanager's own grouping: no label and no target decides)")
		}
		fmt.Fprintf(&b, "\ntitle      %s\n", o.Title)
		if o.Severity != "" {
			fmt.Fprintf(&b, "severity   %s\n", line(o.Severity, 32))
		}
		if o.Target.Key() != "" {
			fmt.Fprintf(&b, "target     %s\n", o.Target.Where())
		}
		fmt.Fprintf(&b, "updates    %s\n", cadence(o.Update))
		if o.Escalate.After > 0 {
			fmt.Fprintf(&b, "page       %s after %s without a decision\n", service(o.Escalate.Service), pointsman.Span(o.Escalate.After))
		}
		writeOffers(&b, o.Offers)
	}
	return b.String()
}

func writeOffers(b *strings.Builder, offers []pointsman.Offer) {
	if len(offers) == 0 {
		b.WriteString("runbooks   none answers this alert; people are told, nothing is proposed\n")
		return
	}
	b.WriteString("runbooks   in order of priority, the evidence ranks them when the alert fires\n")
	for i, o := range offers {
		fmt.Fprintf(b, "  %d. %s  (priority %d)  %s\n", i+1, o.Runbook, o.Priority, o.Title)
		for _, k := range sorted(o.Params) {
			fmt.Fprintf(b, "       %s = %s\n", k, o.Params[k])
		}
		if o.Problem != "" {
			fmt.Fprintf(b, "       cannot be proposed: %s\n", o.Problem)
		}
	}
}

func cadence(d time.Duration) string {
	if d <= 0 {
		return "never by the clock"
	}
	return "every " + pointsman.Span(d)
}

func service(name string) string {
	if name == "" {
		return "the default service"
	}
	return name
}
