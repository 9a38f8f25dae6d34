package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/actions/postgres/probe"
	"github.com/pointsman/pointsman/cmd/app"
	"github.com/pointsman/pointsman/configs"
)

// probeCommand is another vantage point: a small process elsewhere that looks at the same nodes with its own
// configuration and its own way through the network.
func probeCommand() *cobra.Command {
	var listen, tokenFile, cert, key string
	cmd := &cobra.Command{
		Use: "probe --config pointsman.yaml --token-file FILE", Short: "Run a vantage point that looks at the configured databases from here", Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadFor(cmd, looksAt)
			if err != nil {
				return err
			}
			if tokenFile == "" {
				return errors.New("--token-file is needed: without a token everybody could ask")
			}
			token := func() (string, error) { return configs.ReadSecret("", tokenFile) } // each time: it may be replaced
			t, err := token()
			if err != nil {
				return fmt.Errorf("--token-file: %w", err)
			}
			if why := pointsman.WeakToken(t); why != "" { // who guesses it tells the server what this place sees
				return fmt.Errorf("--token-file: %s: %s", tokenFile, why)
			}
			if (cert == "") != (key == "") {
				return errors.New("--tls-cert and --tls-key belong together; give both or none")
			}
			secured, err := app.Certificates(cert, key)
			if err != nil {
				return fmt.Errorf("--tls-cert: %w", err)
			}
			l, err := (&net.ListenConfig{}).Listen(cmd.Context(), "tcp", listen)
			if err != nil {
				return fmt.Errorf("--listen: %w", err)
			}
			if secured != nil {
				l = tls.NewListener(l, secured)
			} else if reachable(l.Addr()) {
				fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s is reachable from other machines without TLS, so the token crosses the network in clear; set --tls-cert and --tls-key\n", listen)
			}
			srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: app.Hurried(probe.Handler(postgres.New(cfg.Targets.Postgres, nil), token), 10*time.Second)}
			fmt.Fprintf(cmd.OutOrStdout(), "answering on %s for %s\n", l.Addr(), pointsman.Count(len(cfg.Targets.Postgres), "cluster"))
			return serveUntil(cmd.Context(), srv, l)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:9097", "address to answer on")
	cmd.Flags().StringVar(&tokenFile, "token-file", "", "file with the bearer token that callers must show")
	cmd.Flags().StringVar(&cert, "tls-cert", "", "certificate file (PEM); read anew for each connection")
	cmd.Flags().StringVar(&key, "tls-key", "", "key file of the certificate")
	configFlags(cmd)
	return cmd
}

// looksAt: the warning is about what a probe connects to. It asks nobody's approval, pages nobody and gets no alerts.
func looksAt(w pointsman.Fault) bool {
	cluster, found := strings.CutPrefix(w.Path, "targets.postgres[")
	return found && strings.Contains(cluster, ".") // the cluster as a whole is what alerts select
}

// reachable: other machines may come to the address, and see what crosses the network on the way.
func reachable(at net.Addr) bool {
	tcp, ok := at.(*net.TCPAddr)
	return !ok || !tcp.IP.IsLoopback()
}

func serveUntil(ctx context.Context, srv *http.Server, l net.Listener) error {
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return srv.Shutdown(stop)
}
