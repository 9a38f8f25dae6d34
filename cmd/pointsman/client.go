package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/api"
)

// defaultSocket is where a packaged server listens.
const defaultSocket = "/run/pointsman/pointsman.sock"

// client talks to a running server: it alone owns the store.
type client struct {
	http   *http.Client
	base   string
	socket string // "" where it is not used
	token  string
	once   string        // names the request, so that the server carries out a repetition once
	within time.Duration // in which call has its answer
}

func newClient(cmd *cobra.Command) (*client, error) {
	server, _ := cmd.Flags().GetString("server")
	socket, _ := cmd.Flags().GetString("socket")
	once, _ := cmd.Flags().GetString("once")
	switch {
	case server != "" && socket != "":
		return nil, usage("--server %s and --socket %s are two servers; keep one of them", server, socket)
	case server == "" && socket == "": // what stands on the command line counts before what the shell was given once
		server = os.Getenv("POINTSMAN_SERVER")
	}
	if once == "" {
		once = rand.Text()
	}
	token, err := personalToken()
	if err != nil {
		return nil, err
	}
	c := &client{http: &http.Client{}, token: token, once: once, within: time.Minute}
	if server != "" {
		if !strings.Contains(server, "://") {
			return nil, usage("the server %s has no scheme; write https://%[1]s", server)
		}
		if token == "" {
			return nil, errors.New("POINTSMAN_TOKEN or POINTSMAN_TOKEN_FILE is needed to talk to " + server)
		}
		if readable(server) {
			fmt.Fprintf(cmd.ErrOrStderr(), "warning: everybody on the way to %s can read your token, which decides like you; use https\n", server)
		}
		c.base = strings.TrimSuffix(server, "/")
		return c, nil
	}
	if socket == "" {
		socket = os.Getenv("POINTSMAN_SOCKET")
	}
	if socket == "" {
		socket = defaultSocket
	}
	c.base, c.socket = "http://pointsman", socket
	c.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	return c, nil
}

// readable reports whether others than the two ends can read what is sent to the server.
func readable(server string) bool {
	u, err := url.Parse(server)
	return err == nil && u.Scheme == "http" && u.Hostname() != "localhost" && !net.ParseIP(u.Hostname()).IsLoopback()
}

func personalToken() (string, error) {
	if file := os.Getenv("POINTSMAN_TOKEN_FILE"); file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("POINTSMAN_TOKEN_FILE: %w", err)
		}
		return strings.TrimSpace(string(b)), nil
	}
	return os.Getenv("POINTSMAN_TOKEN"), nil
}

// call sends a request and decodes the answer into out. Every answer of the server that is not 2xx is a sentence.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.within)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if s, ok := out.(*string); ok {
		b, err := io.ReadAll(resp.Body)
		*s = cleanLines(string(b))
		return err
	}
	err = json.NewDecoder(resp.Body).Decode(out)
	if err != nil && method == http.MethodPost {
		return c.lost(err)
	}
	return err
}

// send leaves the answer to be read: a whole record takes as long as it takes.
func (c *client) send(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	var reached atomic.Bool // the server, so that it may have been done
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { reached.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if method == http.MethodPost {
		req.Header.Set("Idempotency-Key", c.once)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	switch {
	case err != nil && method == http.MethodPost && reached.Load():
		return nil, c.lost(cause(err))
	case err != nil:
		return nil, c.unanswered(err)
	case resp.StatusCode/100 == 2:
		return resp, nil
	}
	defer resp.Body.Close()
	var ans pointsman.Answer
	if err := json.NewDecoder(resp.Body).Decode(&ans); err != nil || ans.Text == "" {
		err = fmt.Errorf("the server answered %s", clean(resp.Status))
		if method == http.MethodPost && resp.StatusCode/100 == 5 { // of a proxy in between, which does not know either
			return nil, c.lost(err)
		}
		return nil, err
	}
	// Others have a part in the sentence: the reason of a lock, an alert's label.
	if ans.Code == api.CodeUnknown { // the server does not know either
		return nil, fmt.Errorf("%s; repeat it with --once %s: the server does it once", clean(ans.Text), c.once)
	}
	return nil, errors.New(clean(ans.Text))
}

// lost is the error of an order that reached the server, and whose answer did not come back.
func (c *client) lost(err error) error {
	return fmt.Errorf("it is not known whether this was done, its answer is lost: %w; look before you repeat it, and repeat it with --once %s: the server does it once", err, c.once)
}

// unanswered says what to do where no server answers.
func (c *client) unanswered(err error) error {
	switch {
	case c.socket == "":
		return fmt.Errorf("no server answers at %s; is the address right, and is pointsman serve running there? %w", c.base, cause(err))
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("you may not use the socket %s; ask who runs the server, or use --server with a personal token", c.socket)
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no server answers on the socket %s; is pointsman serve running? Name another socket with --socket or POINTSMAN_SOCKET", c.socket)
	}
	return fmt.Errorf("the server on the socket %s does not answer: %w", c.socket, cause(err))
}

// cause is the error without the request around it.
func cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// answer posts and prints the sentence that comes back.
func (c *client) answer(cmd *cobra.Command, path string, in any) error {
	var ans pointsman.Answer
	if err := c.call(cmd.Context(), http.MethodPost, path, in, &ans); err != nil {
		return err
	}
	underway := ans.Code == pointsman.CodeUnderway
	if ans.Text == "" || !ans.OK() && !underway { // 200 of whoever else answers there
		return c.lost(errors.New("what came back is no answer of pointsman"))
	}
	fmt.Fprintln(cmd.OutOrStdout(), clean(ans.Text))
	if underway {
		return exitError{exitUnderway} // `engage … && echo stopped` must not say what nobody knows
	}
	return nil
}

// exitUnderway is the exit code where the server took an order on and its outcome is not known yet.
const exitUnderway = 3

func segment(s string) string { return url.PathEscape(s) }
