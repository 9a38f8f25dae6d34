package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pointsman/pointsman"
)

// voteCommand is approve or deny. It never decides blindly: without --digest it shows what would run, and the command
// that approves exactly that.
func voteCommand(verdict string) *cobra.Command {
	var digest, reason, gate string
	cmd := &cobra.Command{
		Use:   verdict + " INC-1 | INC-1/P1 | INC-1/R1 --digest 12HEXDIGITS",
		Short: strings.ToUpper(verdict[:1]) + verdict[1:] + " the plan of an incident, as the buttons in Slack do",
		Args:  takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if strings.Contains(args[0], "/R") {
				return c.atGate(cmd, args[0], verdict, digest, gate, reason)
			}
			if digest == "" {
				p, err := c.proposal(cmd, args[0])
				if err != nil {
					return err
				}
				printProposal(cmd.OutOrStdout(), p)
				switch p.State {
				case pointsman.ProposalReady:
				case pointsman.ProposalRefused, pointsman.ProposalExpired:
					return fmt.Errorf("%s is %s and takes no votes; to have it checked again: pointsman recheck %s", p.ID, p.State, p.ID)
				default:
					return fmt.Errorf("%s is %s and takes no votes", p.ID, p.State)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "\nTo %s exactly this plan:\n  pointsman %s %s --digest %s\n", verdict, verdict, p.ID, pointsman.ShortDigest(p.Digest))
				return errors.New("nothing was decided: --digest is missing")
			}
			return c.answer(cmd, "/api/v1/votes", map[string]string{"id": args[0], "digest": digest, "verdict": verdict, "reason": reason})
		},
	}
	cmd.Flags().StringVar(&digest, "digest", "", "the plan's digest as shown on the card, at least 12 digits")
	cmd.Flags().StringVar(&reason, "reason", "", "why; some runbooks require it")
	cmd.Flags().StringVar(&gate, "gate", "", "for a run that waits at a gate: its step and attempt as shown, for example 3.1")
	return cmd
}

// proposal fetches the one proposal that an id means: INC-7/P1 itself, or the one that the card of INC-7 shows first.
func (c *client) proposal(cmd *cobra.Command, id string) (pointsman.Proposal, error) {
	var st pointsman.State
	if err := c.call(cmd.Context(), http.MethodGet, "/api/v1/incidents/"+segment(pointsman.IncidentOf(id)), nil, &st); err != nil {
		return pointsman.Proposal{}, err
	}
	if p, ok := st.Proposal(id); ok {
		return p, nil
	}
	if len(st.Proposals) == 0 || strings.Contains(id, "/") {
		return pointsman.Proposal{}, fmt.Errorf("there is no proposal %s", id)
	}
	return st.Shown()[0], nil
}

func recheckCommand() *cobra.Command {
	return &cobra.Command{
		Use: "recheck INC-1/P1", Short: "Have a proposal checked again: one that is ready, was refused, or has expired", Args: takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			return c.answer(cmd, "/api/v1/rechecks", map[string]string{"id": args[0]})
		},
	}
}

func requestCommand() *cobra.Command {
	var incident, reason, mode string
	cmd := &cobra.Command{
		Use:   "run RUNBOOK [TARGET | param=value ...]",
		Short: "Ask for a runbook; it is checked, and others approve it",
		Args:  takes(1, unlimited),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			return c.answer(cmd, "/api/v1/requests", map[string]any{"runbook": args[0], "args": args[1:], "mode": mode, "incident": incident, "reason": reason})
		},
	}
	cmd.Flags().StringVar(&mode, "mode", "", "what it is for: incident, planned or drill; default is the first that the runbook lists")
	cmd.Flags().StringVar(&incident, "incident", "", "the incident it belongs to; default is the target's own")
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	return cmd
}

func steerCommand() *cobra.Command {
	var at, digest, reason string
	cmd := &cobra.Command{
		Use:   "steer INC-1/R1 pause|stop|resume|retry|accept|done|skip|ungraceful|abort [--at 3.1] --reason WHY",
		Short: "Decide how an open run goes on; who may is checked on the server",
		Long: `Decides how an open run goes on. Who may is checked on the server.

  pause       the step at work ends, no further one begins
  stop        the same, under the name that people use: stop after this step
  resume      a paused run goes on, after its checks
  retry       the step at which the run is parked begins again
  accept      the figures that a parked run asks are accepted, and its step begins again within them
  done        the step counts as done on your word
  skip        the step is left out for good, where the plan allows it
  ungraceful  steps ahead that have a harder form are done in it
  abort       the run ends: undone before its point of no return, handed over behind it`,
		Args: takes(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			verb := pointsman.Verb(args[1])
			if verb.Exact() && (at == "" || !strings.Contains(args[0], "/")) || verb == pointsman.VerbAccept && digest == "" {
				return c.stands(cmd, args[0], verb)
			}
			said := map[string]string{"run": args[0], "verb": args[1], "at": at, "reason": reason}
			if digest != "" {
				said["digest"] = digest
			}
			return c.answer(cmd, "/api/v1/steer", said)
		},
	}
	cmd.Flags().StringVar(&at, "at", "", "the step and attempt at which you saw the run, for example 3.1; needed for retry, accept, done and skip")
	cmd.Flags().StringVar(&digest, "digest", "", "for accept: the digest of the question as shown, at least 12 digits")
	cmd.Flags().StringVar(&reason, "reason", "", "why; always needed")
	return cmd
}

func updateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "update INC-1 TEXT", Short: "Post an incident update, in place of the timed one", Args: takes(2, unlimited),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			return c.answer(cmd, "/api/v1/incidents/"+segment(args[0])+"/update", map[string]string{"text": strings.Join(args[1:], " ")})
		},
	}
}

func closeCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "close INC-1", Short: "Resolve an incident that no alert will resolve; with --reason also while alerts fire", Args: takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			return c.answer(cmd, "/api/v1/incidents/"+segment(args[0])+"/close", map[string]string{"reason": reason})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; needed while alerts fire")
	return cmd
}

func killSwitchCommand() *cobra.Command {
	root := group("killswitch", "Show, engage and release kill switches")
	root.AddCommand(&cobra.Command{
		Use: "status", Short: "Show every kill switch; stale counts as engaged", Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			var list []struct{ Text string }
			if err := c.call(cmd.Context(), http.MethodGet, "/api/v1/kill-switches", nil, &list); err != nil {
				return err
			}
			for _, s := range list {
				fmt.Fprintln(cmd.OutOrStdout(), clean(s.Text)) // it begins with the name
			}
			if len(list) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "no kill switch is configured")
			}
			return nil
		},
	})
	for verb, short := range map[string]string{"engage": "Engage a kill switch: one authorised person, with a reason", "release": "Ask for the release of a kill switch: others approve it"} {
		root.AddCommand(&cobra.Command{
			Use: verb + " NAME REASON", Short: short, Args: takes(2, unlimited),
			RunE: func(cmd *cobra.Command, args []string) error {
				c, err := newClient(cmd)
				if err != nil {
					return err
				}
				return c.answer(cmd, "/api/v1/kill-switches/"+segment(args[0])+"/"+verb, map[string]string{"reason": strings.Join(args[1:], " ")})
			},
		})
	}
	return root
}
