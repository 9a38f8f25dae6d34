package main

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/api"
)

func incidentsCommand() *cobra.Command {
	var all, plan bool
	var before string
	cmd := &cobra.Command{
		Use: "incidents [INC-1 | INC-1/P1 --plan]", Short: "List incidents, or show one with its plan and evidence", Args: takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if plan {
				return printPlan(cmd, c, args)
			}
			if len(args) == 1 {
				var inc api.Incident
				if err := c.call(cmd.Context(), http.MethodGet, "/api/v1/incidents/"+segment(strings.ToUpper(pointsman.IncidentOf(args[0]))), nil, &inc); err != nil {
					return err
				}
				printState(cmd.OutOrStdout(), inc.State, paged(inc)...)
				return nil
			}
			which := url.Values{"before": {before}}
			if all {
				which.Set("all", "1")
			}
			var list []pointsman.Incident
			if err := c.call(cmd.Context(), http.MethodGet, "/api/v1/incidents?"+which.Encode(), nil, &list); err != nil {
				return err
			}
			var h pointsman.Held
			if err := c.call(cmd.Context(), http.MethodGet, "/api/v1/locks", nil, &h); err != nil {
				return err
			}
			holdLines(cmd.OutOrStdout(), "", h.Protections, time.Now())
			printIncidents(cmd.OutOrStdout(), list, all)
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "resolved ones too")
	cmd.Flags().StringVar(&before, "before", "", "only those that are older than this one; without it the newest 200")
	cmd.Flags().BoolVar(&plan, "plan", false, "the exact bytes of a proposal's plan, of which the digest is the SHA-256")
	return cmd
}

// printPlan writes the bytes and nothing else, so that sha256sum gives the digest.
func printPlan(cmd *cobra.Command, c *client, args []string) error {
	if len(args) != 1 || !strings.Contains(args[0], "/P") {
		return fmt.Errorf("--plan wants one proposal, for example: pointsman incidents INC-1/P1 --plan")
	}
	var st pointsman.State
	if err := c.call(cmd.Context(), http.MethodGet, "/api/v1/incidents/"+segment(pointsman.IncidentOf(args[0])), nil, &st); err != nil {
		return err
	}
	p, ok := st.Proposal(args[0])
	switch {
	case !ok:
		return fmt.Errorf("there is no proposal %s", args[0])
	case len(p.Plan) == 0:
		return fmt.Errorf("%s has no plan yet: it is %s", p.ID, p.State)
	}
	_, err := cmd.OutOrStdout().Write(p.Plan)
	return err
}

func printIncidents(w io.Writer, list []pointsman.Incident, all bool) {
	switch {
	case len(list) == 0 && all:
		fmt.Fprintln(w, "there is no incident")
		return
	case len(list) == 0:
		fmt.Fprintln(w, "no incident is open")
		return
	}
	tab := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tab, "INCIDENT\tSTATE\tSINCE (UTC)\tFIRING\tTARGET\tTITLE")
	for _, i := range list {
		fmt.Fprintf(tab, "%s\t%s\t%s\t%d\t%s\t%s\n", i.ID, i.State, i.Since().UTC().Format(time.DateTime), i.Firing, i.Target.Key(), clean(i.Title))
	}
	tab.Flush()
	if n := len(list); n >= api.IncidentsAtOnce {
		fmt.Fprintf(w, "these are %d; older ones: pointsman incidents%s --before %s\n", n, map[bool]string{true: " --all"}[all], list[n-1].ID)
	}
}

func printState(w io.Writer, st pointsman.State, more ...string) {
	i := st.Incident
	fmt.Fprintf(w, "%s %s: %s\n  since %s UTC, %s firing, target %s\n", i.ID, i.State, clean(i.Title), i.Since().UTC().Format(time.DateTime), pointsman.Count(i.Firing, "alert"), orDash(i.Target.Key()))
	for _, line := range more {
		fmt.Fprintf(w, "  %s\n", clean(line))
	}
	printAlerts(w, st)
	holdLines(w, "", st.Told(), time.Now())
	for _, p := range st.Shown() {
		fmt.Fprintln(w)
		printProposal(w, p)
	}
	for _, r := range st.Runs {
		fmt.Fprintf(w, "\n%s %s: %s\n", r.ID, r.State, orDash(clean(r.Note)))
		for n, at := range pointsman.Places(r.Steps) {
			s := r.Steps[n]
			if at.Member == 1 {
				fmt.Fprintf(w, "  %d. %s, at the same time:\n", at.N, clean(s.Group.Name))
			}
			line := fmt.Sprintf("  %s. %-9s %s", at, s.State, lines(s.Summary, "       "))
			if note := cmp.Or(s.Note, r.Looking(n), s.Trying()); note != "" {
				line += ": " + clean(note)
			}
			fmt.Fprintln(w, line)
		}
		printLeft(w, r.Left)
		switch q := r.Question; {
		case q == nil:
		case r.Refuses(pointsman.VerbAccept, time.Now()) != "":
			fmt.Fprintf(w, "  asked one more approver until %s: %s\n  retry measures anew and asks again\n", pointsman.Clock(q.Until), clean(q.Sentence()))
		default:
			fmt.Fprintf(w, "  asks one more approver: %s\n  question %s at %s, until %s\n", clean(q.Sentence()), pointsman.ShortDigest(q.Digest), r.Mark(), pointsman.Clock(q.Until))
		}
	}
}

// paged says of the page what the card says: nothing that is not so.
func paged(inc api.Incident) []string {
	of, state := inc.Paging, inc.Incident.Page
	switch {
	case of == nil || inc.Incident.State != pointsman.IncidentOpen:
		return nil
	case state == pointsman.PageAcknowledged && of.Taken:
		return []string{"page acknowledged"}
	case state != pointsman.PageTriggered:
		return nil
	case of.Nobody:
		return []string{"NOBODY CAN BE PAGED: no pager is configured. Call somebody by other means"}
	case of.GivenUp:
		return []string{"NOT PAGED, and it is not tried again: " + of.Problem + ". Call somebody by other means"}
	case of.Late:
		return []string{"NOT PAGED: " + of.Problem + "; it is tried on. Call somebody by other means"}
	case of.Taken:
		return []string{"paged"}
	}
	return []string{"paging, and the pager has not taken it yet"}
}

// printLeft is what an aborted run leaves to a person, with the commands as they are pasted.
func printLeft(w io.Writer, left []pointsman.Left) {
	for _, l := range left {
		what := "to be done by hand"
		if l.Undo {
			what = "to be undone by hand"
		}
		fmt.Fprintf(w, "  %s: %s. %s (%s)\n", what, l.At(), clean(l.Step), l.State)
		if l.Note != "" {
			fmt.Fprintf(w, "    # %s\n", clean(l.Note))
		}
		for _, cmd := range l.Commands {
			fmt.Fprintf(w, "    %s\n", toPaste(cmd))
		}
	}
}

// toPaste is a command as it is, with its lines. One that holds what a terminal would obey is quoted, and so cannot be taken
// for the command itself: with those characters left out it would be another one.
func toPaste(cmd string) string {
	if shown := strings.ReplaceAll(cmd, "\n", ""); clean(shown) != shown {
		return "# not as it is, it has characters that cannot be shown: " + strconv.QuoteToASCII(cmd)
	}
	return cmd
}

// printProposal is the card as text: the same evidence, plan and digest.
func printProposal(w io.Writer, p pointsman.Proposal) {
	fmt.Fprintf(w, "%s %s: %s (%s%s)\n", p.ID, p.State, clean(p.Title), p.Runbook, modeOf(p))
	printVotes(w, p)
	if p.Problem != "" && len(pointsman.Refusals(p.Facts)) == 0 { // else the facts say it
		fmt.Fprintf(w, "  problem: %s\n", clean(p.Problem))
	}
	for _, f := range p.Facts {
		line := clean(f.Sentence())
		if f.Clears != "" && f.Result != pointsman.Pass {
			line += " – " + clean(f.Clears)
		}
		fmt.Fprintf(w, "  %-7s %s%s\n", meaning(f), line, sourced(f))
	}
	plan, err := pointsman.DecodePlan(p.Plan)
	if err != nil {
		return
	}
	for n, at := range pointsman.Places(plan.Steps) {
		s, mark := plan.Steps[n], ""
		if at.Member == 1 {
			fmt.Fprintf(w, "  step %d: %s, at the same time:\n", at.N, clean(s.Group.Name))
		}
		if s.Irreversible {
			mark = "  <- point of no return"
		}
		fmt.Fprintf(w, "  step %s: %s%s\n", at, lines(s.Summary, "    "), mark)
		if s.Ungraceful != nil {
			fmt.Fprintf(w, "    if an operator says so: %s\n", lines(s.Ungraceful.Summary, "      "))
		}
		for _, c := range s.ByHand {
			fmt.Fprintf(w, "    # by hand:\n    %s\n", toPaste(c))
		}
		for _, c := range s.UndoByHand {
			fmt.Fprintf(w, "    # undo by hand:\n    %s\n", toPaste(c))
		}
	}
	for _, b := range plan.Bounds {
		fmt.Fprintf(w, "  accepts: %s\n", clean(b.Text))
	}
	for _, a := range plan.Acknowledge {
		fmt.Fprintf(w, "  accepts the risk: %s\n", clean(a))
	}
	line := fmt.Sprintf("  plan %s, needs %s (%s so far)", pointsman.ShortDigest(p.Digest), p.Policy, p.Policy.Count(p.Approvers()))
	if p.State == pointsman.ProposalReady {
		line += ", expires " + pointsman.Clock(p.ExpiresAt)
		if len(p.Eligible) > 0 {
			line += "; may approve: " + clean(strings.Join(p.Eligible, ", "))
		}
	}
	fmt.Fprintln(w, line)
}

// meaning is the fact's result as the card's sign tells it: what stands in the way is never written like what does not.
func meaning(f pointsman.Fact) string {
	if f.Result == pointsman.Fail && f.Kind != pointsman.Hard {
		return "warn"
	}
	return string(f.Result)
}

func modeOf(p pointsman.Proposal) string {
	if p.Mode == "" {
		return ""
	}
	return ", mode " + clean(string(p.Mode))
}

func sourced(f pointsman.Fact) string {
	if f.Source == "" || f.At.IsZero() {
		return ""
	}
	return fmt.Sprintf("  [%s, %s ago]", clean(f.Source), pointsman.Span(time.Since(f.At)))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// clean drops what a reader cannot see but a terminal obeys: an alert's text must not move the cursor, nor turn the
// direction of writing around.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.IsSpace(r):
			return ' '
		case pointsman.Unseen(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// cleanLines is clean for a text of several lines, each of which is the program's own.
func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n")
}
