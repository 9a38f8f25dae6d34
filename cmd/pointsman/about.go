package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pointsman/pointsman"
)

// alertsShown bounds the alerts that are printed; a storm's have the same words.
const alertsShown = 5

// printAlerts is what fires, with its labels: whoever approves without Slack sees no more of it than this.
func printAlerts(w io.Writer, st pointsman.State) {
	var firing []pointsman.Alert
	for _, a := range st.Alerts {
		if a.Status == pointsman.AlertFiring {
			firing = append(firing, a)
		}
	}
	for _, a := range firing[:min(len(firing), alertsShown)] {
		line := fmt.Sprintf("  %s fires since %s", clean(a.Name()), pointsman.Moment(a.StartsAt))
		if s := cmp.Or(a.Annotations["summary"], a.Annotations["description"], a.Annotations["message"]); s != "" {
			line += ": " + clean(s)
		}
		fmt.Fprintln(w, line)
		if l := labels(a); l != "" {
			fmt.Fprintf(w, "    %s\n", l)
		}
	}
	if n := len(firing) - alertsShown; n > 0 {
		fmt.Fprintf(w, "  %s more fire\n", pointsman.Count(n, "alert"))
	}
	if n := st.Incident.Truncated; n > 0 {
		fmt.Fprintf(w, "  %s left out by Alertmanager\n", pointsman.Count(n, "alert"))
	}
	if st.Incident.Cut {
		fmt.Fprintln(w, "  there are more alerts than Pointsman reads at once: look into Alertmanager")
	}
	if len(firing) > 0 && len(st.Proposals) == 0 {
		fmt.Fprintf(w, "  no runbook answers this: a person must decide. Ask for one with pointsman run, tell what is done by hand with pointsman update %s TEXT\n", st.Incident.ID)
	}
}

func labels(a pointsman.Alert) string {
	var out []string
	for name, value := range a.Labels {
		if name != "alertname" {
			out = append(out, clean(name)+"="+clean(value))
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// printVotes is who wants it, why, and who has said what to it: nobody should approve the wish of a stranger.
func printVotes(w io.Writer, p pointsman.Proposal) {
	if p.Requester.Known() {
		fmt.Fprintf(w, "  asked for by %s%s\n", clean(p.Requester.String()), because(p.Reason))
	}
	if p.Already != "" {
		fmt.Fprintf(w, "  nothing to do: %s\n", clean(p.Already))
	}
	for _, c := range p.Changed {
		fmt.Fprintf(w, "  changed since it was voted on: %s\n", clean(c))
	}
	for _, v := range p.Votes {
		verb := "approved"
		if v.Verdict == pointsman.Deny {
			verb = "denied"
		}
		by := pointsman.Actor{Person: v.Person, Door: v.Door, Ref: v.Ref}
		fmt.Fprintf(w, "  %s by %s at %s%s\n", verb, clean(by.String()), pointsman.Clock(v.At), because(v.Reason))
	}
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + clean(reason)
}

// lines is a text of several lines, each below the other: joined, a command and the words after it would be pasted as one.
func lines(text, indent string) string {
	var out []string
	for l := range strings.Lines(text) {
		out = append(out, clean(strings.TrimRight(l, "\n")))
	}
	return strings.Join(out, "\n"+indent)
}
