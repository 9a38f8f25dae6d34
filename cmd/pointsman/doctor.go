package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/app"
)

func doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look whether store, chat, pager and every target are ready for a night; changes nothing", Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd)
			if err == nil {
				err = app.Check(cfg)
			}
			if err != nil {
				return err
			}
			if bad := printFindings(cmd.OutOrStdout(), app.Doctor(cmd.Context(), cfg)); bad > 0 {
				return errors.New(pointsman.Count(bad, "fault") + " to mend before the night")
			}
			return nil
		},
	}
	configFlags(cmd)
	return cmd
}

// printFindings prints what was found and returns the number of faults. What only deserves a look is no fault.
func printFindings(out io.Writer, facts []pointsman.Fact) (bad int) {
	for _, f := range facts {
		mark := "ok  "
		switch {
		case f.Result == pointsman.Pass:
		case f.Kind == pointsman.Warn:
			mark = "warn"
		default:
			mark, bad = "FAIL", bad+1
		}
		name := f.Name
		if f.Guard != "" {
			name += " (" + f.Guard + ")"
		}
		fmt.Fprintf(out, "%s  %s: %s\n", mark, name, f.Text)
		if f.Result != pointsman.Pass && f.Clears != "" {
			fmt.Fprintf(out, "      %s\n", f.Clears)
		}
	}
	return bad
}
