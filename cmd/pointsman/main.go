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
	"strings"
	"syscall"
	_ "time/tzdata" // windows name time zones, and a bare container knows none

	"github.com/spf13/cobra"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/service"
)

// version is set by the build; a plain go build says where it came from through the build info.
var version = "dev"

func main() {
	service.Gate() // in the place of a command it becomes that command
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// exitError carries an exit code out of a command that has said everything already.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit %d", e.code) }

// usageError is a command line that cannot be understood: nothing was done, and the exit code is 2, as of any program.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

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
		fmt.Fprintln(errOut, "pointsman:", cleanLines(err.Error())) // whatever it quotes, the terminal obeys none of it
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	if err != nil {
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
		SilenceUsage: true, SilenceErrors: true, Args: cobra.ArbitraryArgs, RunE: onlyHolds,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%w; see %s --help", err, cmd.CommandPath())
	})
	root.PersistentFlags().String("socket", "", "Unix socket of the server (default: POINTSMAN_SOCKET, else /run/pointsman/pointsman.sock)")
	root.PersistentFlags().String("server", "", "HTTPS address of the server, instead of the socket; needs POINTSMAN_TOKEN or POINTSMAN_TOKEN_FILE")
	root.PersistentFlags().String("once", "", "name of this request: repeated under the same name it acts once (default: a new name)")
	root.AddCommand(
		serveCommand(), demoCommand(), probeCommand(), checkConfigCommand(), doctorCommand(), runbookCommand(), routesCommand(),
		incidentsCommand(), voteCommand("approve"), voteCommand("deny"), requestCommand(), recheckCommand(), steerCommand(), updateCommand(), closeCommand(),
		killSwitchCommand(), auditCommand(), versionCommand(),
	)
	root.AddCommand(holdCommands()...)
	return root
}

// unlimited is for takes: as many as there are.
const unlimited = -1

// takes bounds the number of arguments; what is wrong comes with how it is written.
func takes(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if n := len(args); n >= least && (most == unlimited || n <= most) {
			return nil
		}
		given := pointsman.Count(len(args), "argument")
		if len(args) == 0 {
			given = "no argument"
		}
		return usage("%s was given %s; write: %s", cmd.Name(), given, cmd.UseLine())
	}
}

// group is a command that only holds others; a word that is none of them is an error, not a page of help.
func group(name, short string) *cobra.Command {
	return &cobra.Command{Use: name, Short: short, Args: cobra.ArbitraryArgs, RunE: onlyHolds}
}

func onlyHolds(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	cmd.SuggestionsMinimumDistance = 2
	hint := ""
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = ", did you mean " + strings.Join(near, " or ") + "?"
	}
	return usage("there is no command %q%s; see %s --help", args[0], hint, cmd.CommandPath())
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version and what it was built from", Args: takes(0, 0),
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
