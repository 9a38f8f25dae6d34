package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/pointsman/pointsman/cmd/demo"
)

func demoCommand() *cobra.Command {
	return &cobra.Command{
		Use: "demo", Short: "Tell the main story on this machine with real servers and a local Slack stand-in", Args: takes(0, 0),
		Long: "Starts a PostgreSQL primary and standby, Alertmanager, Pointsman and a stand-in for Slack with a web page, kills the\n" +
			"primary and shows what happens. DEMO_AUTO=1 asks nobody: it clicks too, and exits 0 only if the new primary took a\n" +
			"verified write. Needs no accounts. Everything it started is stopped at the end.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo.Run(cmd.Context(), demo.Options{
				Auto: os.Getenv("DEMO_AUTO") != "", Pages: os.Getenv("DEMO_PAGES"), Version: version, In: cmd.InOrStdin(), Out: cmd.OutOrStdout(),
			})
		},
	}
}
