package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/app"
	"github.com/pointsman/pointsman/configs"
)

func runbookCommand() *cobra.Command {
	root := group("runbook", "Check runbooks and see what they would do")
	root.AddCommand(runbookLintCommand(), runbookPlanCommand())
	return root
}

func runbookLintCommand() *cobra.Command {
	return &cobra.Command{
		Use: "lint [FILE | FOLDER ...]", Short: "Check runbooks without a configuration; the shipped ones if none is named",
		RunE: func(cmd *cobra.Command, args []string) error {
			books, faults := configs.ShippedRunbooks()
			if len(args) > 0 {
				books, faults = configs.RunbooksOnDisk(args...)
			}
			faults = configs.Ordered(append(faults, unread(faults, app.LintRunbooks(books))...))
			for _, f := range faults {
				fmt.Fprintln(cmd.OutOrStdout(), f)
			}
			if len(faults) > 0 {
				return errors.New(pointsman.Count(len(faults), "fault"))
			}
			fmt.Fprintln(cmd.OutOrStdout(), pointsman.Count(len(books), "runbook")+" checked, no faults")
			return nil
		},
	}
}

// unread drops what is said of a value that could not be read: that it is missing, for one, is not so.
func unread(read, found []pointsman.Fault) []pointsman.Fault {
	return slices.DeleteFunc(found, func(f pointsman.Fault) bool {
		return slices.ContainsFunc(read, func(r pointsman.Fault) bool { return r.File == f.File && r.Path == f.Path })
	})
}

func routesCommand() *cobra.Command {
	root := group("routes", "See where alerts lead")
	test := &cobra.Command{
		Use: "test alertname=PrimaryDown cluster=orders ...", Short: "Say which incident, runbooks and parameters an alert with these labels would lead to", Args: takes(1, unlimited),
		RunE: func(cmd *cobra.Command, args []string) error {
			labels := map[string]string{}
			query := url.Values{}
			for _, a := range args {
				k, v, ok := strings.Cut(a, "=")
				if !ok || k == "" {
					return fmt.Errorf("%q is no label; write name=value", a)
				}
				labels[k] = v
				query.Set(k, v)
			}
			if asks, _ := cmd.Flags().GetBool("running"); asks {
				c, err := newClient(cmd)
				if err != nil {
					return err
				}
				var text string
				if err := c.call(cmd.Context(), http.MethodGet, "/api/v1/routes?"+query.Encode(), nil, &text); err != nil {
					return err
				}
				fmt.Fprint(cmd.OutOrStdout(), text)
				return nil
			}
			cfg, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			text, err := app.Explain(cfg, labels)
			if err != nil {
				return err
			}
			fmt.Fprint(cmd.OutOrStdout(), text)
			return nil
		},
	}
	test.Flags().Bool("running", false, "ask the running server instead of reading the configuration file")
	configFlags(test)
	root.AddCommand(test)
	return root
}
