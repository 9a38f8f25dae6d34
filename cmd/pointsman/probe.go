package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/actions/postgres/probe"
)

// probeCommand is another vantage point: a small process elsewhere that looks at the same nodes with its own
// configuration and its own way through the network.
func probeCommand() *cobra.Command {
	var listen, tokenFile string
	cmd := &cobra.Command{
		Use: "probe --config pointsman.yaml --token-file FILE", Short: "Run a vantage point that looks at the configured databases from here", Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			if tokenFile == "" {
				return errors.New("--token-file is needed: without a token everybody could ask")
			}
			token := func() (string, error) {
				b, err := os.ReadFile(tokenFile)
				return strings.TrimSpace(string(b)), err
			}
			t, err := token()
			if err != nil {
				return fmt.Errorf("--token-file: %w", err)
			}
			if t == "" {
				return fmt.Errorf("--token-file: %s is empty; write a long random token into it", tokenFile)
			}
			srv := &http.Server{Addr: listen, ReadHeaderTimeout: 5 * time.Second, Handler: probe.Handler(postgres.New(cfg.Targets.Postgres, nil), token)}
			fmt.Fprintf(cmd.OutOrStdout(), "answering on %s for %s\n", listen, pointsman.Count(len(cfg.Targets.Postgres), "cluster"))
			return serveUntil(cmd.Context(), srv)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:9098", "address to answer on")
	cmd.Flags().StringVar(&tokenFile, "token-file", "", "file with the bearer token that callers must show")
	configFlags(cmd)
	return cmd
}

func serveUntil(ctx context.Context, srv *http.Server) error {
	ended := make(chan error, 1)
	go func() { ended <- srv.ListenAndServe() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return srv.Shutdown(stop)
}
