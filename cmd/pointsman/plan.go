package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/api"
	"github.com/pointsman/pointsman/cmd/app"
)

// runbookPlanCommand is the dry run: it resolves, checks and shows everything and changes nothing.
func runbookPlanCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "plan RUNBOOK [TARGET | param=value ...]", Short: "Resolve a runbook and run its checks now; changes nothing", Args: takes(1, unlimited),
		RunE: func(cmd *cobra.Command, args []string) error {
			if mode, _ := cmd.Flags().GetString("mode"); mode != "" {
				args = append(args, "mode="+mode)
			}
			if asks, _ := cmd.Flags().GetBool("running"); asks {
				return planRunning(cmd, args[0], args[1:])
			}
			cfg, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			p, err := app.Plan(cmd.Context(), cfg, args[0], args[1:])
			if err != nil {
				return err
			}
			printProposal(cmd.OutOrStdout(), p)
			fmt.Fprintln(cmd.OutOrStdout(), "  "+app.NotAsked)
			return inTheWay(api.Planned{Proposal: p})
		},
	}
	cmd.Flags().String("mode", "", "what it would be for: incident, planned or drill")
	cmd.Flags().Bool("running", false, "ask the running server, which knows locks, freezes, runs at work and cool-downs, instead of reading the configuration file")
	configFlags(cmd)
	return cmd
}

func planRunning(cmd *cobra.Command, runbook string, args []string) error {
	c, err := newClient(cmd)
	if err != nil {
		return err
	}
	var p api.Planned
	path := "/api/v1/runbooks/" + url.PathEscape(runbook) + "/plan?" + url.Values{"arg": args}.Encode()
	if err := c.call(cmd.Context(), http.MethodGet, path, nil, &p); err != nil {
		return err
	}
	printProposal(cmd.OutOrStdout(), p.Proposal)
	printStanding(cmd.OutOrStdout(), p, time.Now())
	return inTheWay(p)
}

// printStanding says what stands at the target beside what the facts tell.
func printStanding(w io.Writer, p api.Planned, now time.Time) {
	for _, stands := range p.Held.Protections {
		if len(p.Proposal.Plan) > 0 {
			stands.Hold = pointsman.Hold{} // a fact tells it; where no plan could be made nothing was asked about locks
		}
		holdLines(w, "  ", []pointsman.Protection{stands}, now)
	}
	for _, l := range p.Held.Runs {
		fmt.Fprintf(w, "  %s\n", clean(l.Sentence()))
	}
	fmt.Fprintln(w, "  nothing was changed or stored, and nobody was told")
}

// inTheWay is why nobody could approve it as it stands; nil where somebody could.
func inTheWay(p api.Planned) error {
	if p.Proposal.Already != "" { // what has happened is not refused, whatever the guards say
		return errors.New("nobody could approve it, there is nothing to do: " + clean(p.Proposal.Already))
	}
	if no := pointsman.Refusals(p.Proposal.Facts); len(no) > 0 {
		return errors.New("it would be refused: " + clean(no[0].Sentence()))
	}
	if p.Proposal.Problem != "" {
		return errors.New("it would be refused: " + clean(p.Proposal.Problem))
	}
	if plan, err := pointsman.DecodePlan(p.Proposal.Plan); err == nil && plan.Lock && len(p.Held.Runs) > 0 {
		return errors.New("nobody could approve it yet: " + clean(p.Held.Runs[0].Sentence()))
	}
	return nil
}
