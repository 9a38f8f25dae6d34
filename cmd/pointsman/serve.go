package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/app"
	"github.com/pointsman/pointsman/configs"
)

func serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "serve --config pointsman.yaml", Short: "Run the server", Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			load := func() (*configs.Config, error) { return loadConfig(cmd) }
			cfg, err := load()
			if err != nil {
				return err
			}
			log := newLog(cfg.Log, cmd.ErrOrStderr())
			return serve(cmd.Context(), cfg, app.Options{Version: version, Log: log, Load: load})
		},
	}
	configFlags(cmd)
	return cmd
}

// serve runs the app until it is told to stop, and reloads at SIGHUP.
func serve(ctx context.Context, cfg *configs.Config, opts app.Options) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP) // from here on one does not end the process; one that comes now counts afterwards
	defer signal.Stop(hup)
	a, err := app.New(ctx, cfg, opts)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	for {
		select {
		case err := <-ended:
			return err
		case <-hup:
			waiting, err := a.Reload(ctx, pointsman.Actor{Door: pointsman.DoorCLI, Ref: "SIGHUP"})
			switch {
			case errors.Is(err, app.ErrUnrecorded):
				opts.Log.Error("configuration reloaded, which is not on record", "sections", waiting, "err", err)
			case err != nil:
				opts.Log.Error("configuration not reloaded, the old one stays in force", "err", err)
			case len(waiting) > 0:
				opts.Log.Warn("configuration reloaded, but some sections need a restart", "sections", waiting)
			default:
				opts.Log.Info("configuration reloaded")
			}
		}
	}
}

func configFlags(cmd *cobra.Command) {
	cmd.Flags().StringP("config", "c", "", "configuration file (default: POINTSMAN_CONFIG, else pointsman.yaml)")
	configs.Flags(cmd.Flags())
}

// loadConfig reads the configuration and prints what deserves a look. All faults come back at once.
func loadConfig(cmd *cobra.Command) (*configs.Config, error) {
	return loadFor(cmd, func(pointsman.Fault) bool { return true })
}

// loadFor is loadConfig for a command that works with a part of the configuration: only warnings that concern it are printed.
func loadFor(cmd *cobra.Command, concerns func(pointsman.Fault) bool) (*configs.Config, error) {
	path, _ := cmd.Flags().GetString("config")
	if path == "" {
		path = os.Getenv("POINTSMAN_CONFIG")
	}
	if path == "" {
		path = "pointsman.yaml"
	}
	cfg, warnings, err := configs.Load(path, cmd.Flags())
	for _, w := range warnings {
		if concerns(w) {
			fmt.Fprintln(cmd.ErrOrStderr(), "warning:", w)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the configuration has faults:\n%w", err)
	}
	return cfg, nil
}

func newLog(cfg configs.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		level = slog.LevelInfo // configs has refused unknown words already
	}
	opts := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

func checkConfigCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "check-config [FILE]", Short: "Check the configuration and every runbook; report all faults at once", Args: takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if err := cmd.Flags().Set("config", args[0]); err != nil {
					return err
				}
			}
			cfg, err := loadConfig(cmd)
			if err == nil {
				err = app.Check(cfg)
			}
			if err != nil {
				faults := configs.Faults(err)
				faults = configs.Ordered(append(faults, unread(faults, app.LintRunbooks(configs.Beside(err)))...))
				for _, f := range faults {
					fmt.Fprintln(cmd.OutOrStdout(), f)
				}
				if len(faults) == 0 {
					return err
				}
				return errors.New(pointsman.Count(len(faults), "fault"))
			}
			fmt.Fprint(cmd.OutOrStdout(), cfg.Summary())
			return nil
		},
	}
	configFlags(cmd)
	return cmd
}
