// Command pointsman proposes the runbook that fits an alert, asks the right people, and carries it out.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the build; a plain go build says where it came from through the build info.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// exitError carries an exit code out of a command that has said everything already.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit %d", e.code) }

// run is main without the process, for tests.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if exit, ok := errors.AsType[exitError](err); ok {
		return exit.code
	}
	if err != nil {
		fmt.Fprintln(errOut, "pointsman:", err)
		return 1
	}
	return 0
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "pointsman",
		Short: "From alert to verified recovery with one informed click",
		Long: "Pointsman receives Alertmanager's webhook, proposes the runbook that fits with live evidence, runs it once\n" +
			"the right people approved, keeps everybody informed and keeps a record that cannot be altered unnoticed.",
		SilenceUsage: true, SilenceErrors: true,
	}
	root.PersistentFlags().String("socket", "", "Unix socket of the server (default: POINTSMAN_SOCKET, else /run/pointsman/pointsman.sock)")
	root.PersistentFlags().String("server", "", "HTTPS address of the server, instead of the socket; needs POINTSMAN_TOKEN or POINTSMAN_TOKEN_FILE")
	root.AddCommand(
		serveCommand(), demoCommand(), probeCommand(), checkConfigCommand(), runbookCommand(), routesCommand(),
		incidentsCommand(), voteCommand("approve"), voteCommand("deny"), requestCommand(), steerCommand(), updateCommand(), closeCommand(),
		killSwitchCommand(), auditCommand(), versionCommand(),
	)
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version and what it was built from", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			line := "pointsman " + version
			if info, ok := debug.ReadBuildInfo(); ok {
				line += " " + info.GoVersion
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" || s.Key == "vcs.time" {
						line += " " + s.Value
					}
				}
			}
			fmt.Fprintln(cmd.OutOrStdout(), line)
		},
	}
}
