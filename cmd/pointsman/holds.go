package main

import (
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/pointsman/pointsman"
)

// holdCommands are lock, unlock, freeze, unfreeze and locks.
func holdCommands() []*cobra.Command {
	lock := holdCommand("lock", "lock TARGET --reason WHY [--for 2h]", "Lock a target against runs", 1)
	freeze := holdCommand("freeze", "freeze --reason WHY [--for 2h]", "Stop all automation; kill switches can still be engaged", 0)
	for _, cmd := range []*cobra.Command{lock, freeze} {
		cmd.Flags().Duration("for", 0, "how long, for example 2h; without it until somebody ends it")
	}
	unlock := holdCommand("unlock", "unlock TARGET [--reason WHY]", "Unlock a target; another person's lock needs a reason", 1)
	unlock.Flags().Int64("token", 0, "the fencing token that the lock was given; an older one is refused")
	return []*cobra.Command{lock, unlock, freeze, holdCommand("unfreeze", "unfreeze [--reason WHY]", "Allow automation again", 0), locksCommand()}
}

func holdCommand(verb, use, short string, args int) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: takes(args, args),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			in := map[string]any{}
			in["reason"], _ = cmd.Flags().GetString("reason")
			if d, err := cmd.Flags().GetDuration("for"); err == nil && cmd.Flags().Changed("for") {
				in["for"] = d.String()
			}
			if n, err := cmd.Flags().GetInt64("token"); err == nil {
				in["token"] = n
			}
			if len(args) > 0 {
				in["target"] = args[0]
			}
			return c.answer(cmd, "/api/v1/protect/"+verb, in)
		},
	}
	cmd.Flags().String("reason", "", "why; others read it, at the target and in the record")
	return cmd
}

func locksCommand() *cobra.Command {
	return &cobra.Command{
		Use: "locks", Short: "List what is frozen, locked by people or held by runs", Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			var h pointsman.Held
			if err := c.call(cmd.Context(), http.MethodGet, "/api/v1/locks", nil, &h); err != nil {
				return err
			}
			printHeld(cmd.OutOrStdout(), h, time.Now())
			return nil
		},
	}
}

// printHeld lists the freeze first, then targets by name.
func printHeld(w io.Writer, h pointsman.Held, now time.Time) {
	tab := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	n := 0
	row := func(target, holder, since, until, reason string, token string) {
		if n++; n == 1 {
			fmt.Fprintln(tab, "TARGET\tHELD BY\tSINCE\tUNTIL\tTOKEN\tREASON")
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\t%s\n", target, clean(holder), since, until, token, orDash(clean(reason)))
	}
	for _, p := range h.Protections {
		if p.Alarm.Stands() {
			row(p.Target, "an alarm", pointsman.Moment(p.Alarm.Since), "seen to be over", p.Alarm.Text+" ("+p.Alarm.Incident+")", "-")
		}
		if !p.Hold.Lasts(now) {
			continue
		}
		target, until := p.Target, "somebody unlocks it"
		if p.Target == pointsman.Everything {
			target, until = "everything", "somebody unfreezes it"
		}
		if !p.Hold.Until.IsZero() {
			until = pointsman.Moment(p.Hold.Until)
		}
		row(target, p.Hold.By.String(), pointsman.Moment(p.Hold.Since), until, p.Hold.Reason, fmt.Sprint(p.Token))
	}
	for _, l := range h.Runs {
		row(l.Target, l.Run, pointsman.Moment(l.Since), "its end", "a run", fmt.Sprint(h.Of(l.Target).Token))
	}
	if n == 0 {
		fmt.Fprintln(w, "nothing is locked or frozen")
	}
	tab.Flush()
}

// holdLines are the holds and the alarms that stand in a few words, above lists of incidents.
func holdLines(w io.Writer, indent string, all []pointsman.Protection, now time.Time) {
	for _, p := range all {
		if p.Alarm.Stands() {
			fmt.Fprintf(w, "%s%s: %s\n", indent, clean(p.Told()), p.Means())
		}
		if p.Hold.Lasts(now) {
			fmt.Fprintf(w, "%s%s (%s)\n", indent, clean(p.Sentence()), p.Clears())
		}
	}
}
