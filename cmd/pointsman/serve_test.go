package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pointsman/pointsman/cmd/app"
	"github.com/pointsman/pointsman/configs"
	"github.com/pointsman/pointsman/store"
)

// A service manager may start and reload in one breath. The signal must not end a server that is still waiting for its
// store, and must not be forgotten.
func TestAReloadDuringTheStartCountsAfterIt(t *testing.T) {
	t.Parallel()
	ours := make(chan os.Signal, 1)
	signal.Notify(ours, syscall.SIGHUP) // so that this process lives, whatever the server does
	defer signal.Stop(ours)
	dir := t.TempDir()
	cfg := configs.Default()
	cfg.Web = configs.Web{Listen: "127.0.0.1:0"}
	cfg.Storage.Path, cfg.Audit.KeyFile = filepath.Join(dir, "p.db"), filepath.Join(dir, "audit.key")
	cfg.Alertmanager.Tokens = []string{"token-of-the-test"}
	before, err := store.Open(t.Context(), cfg.Storage, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	reloaded, ended := make(chan struct{}, 100), make(chan error, 1)
	go func() {
		ended <- serve(ctx, &cfg, app.Options{Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Load: func() (*configs.Config, error) {
			reloaded <- struct{}{}
			return &cfg, nil
		}})
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 25 { // half a second, in which the server waits for the one before it
		<-tick.C
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-reloaded:
	case err := <-ended:
		t.Fatalf("the server ended: %v", err)
	case <-time.After(time.Minute):
		t.Error("the reload was forgotten")
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Whoever mends one fault and starts the server again, to be told of the next one, does so at night.
func TestATokenInAFileAndAStepAreToldBesideEachOther(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "books"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"short": "abc\n",
		"books/own.yaml": `name: own
title: X
description: For tests.
owner: dba
review: 2099-01-01
steps:
  - {name: think, kind: postgres.thinks, timeout: 10s}
approval: {require: [1 of dba]}
`,
		"pointsman.yaml": "alertmanager: {tokens: [only-for-this-test-0123456789abcdef]}\nrunbooks: [" + filepath.Join(dir, "books") + "]\npeople: [{id: ana, token_file: " + filepath.Join(dir, "short") + ", roles: [dba]}]\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	said := says(t, nil, "check-config", filepath.Join(dir, "pointsman.yaml"))
	for _, want := range []string{"people[0].token_file: ", "the token has 3 characters", `unknown action kind "postgres.thinks"`, "2 faults\n"} {
		if !strings.Contains(said, want) {
			t.Errorf("nobody says %q: %s", want, said)
		}
	}
}
