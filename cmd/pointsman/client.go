package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/pointsman/pointsman"
)

// defaultSocket is where a packaged server listens.
const defaultSocket = "/run/pointsman/pointsman.sock"

// client talks to a running server: it alone owns the store.
type client struct {
	http   *http.Client
	base   string
	socket string // "" where it is not used
	token  string
	within time.Duration // in which call has its answer
}

func newClient(cmd *cobra.Command) (*client, error) {
	server, _ := cmd.Flags().GetString("server")
	socket, _ := cmd.Flags().GetString("socket")
	if server == "" {
		server = os.Getenv("POINTSMAN_SERVER")
	}
	token, err := personalToken()
	if err != nil {
		return nil, err
	}
	if server != "" {
		if token == "" {
			return nil, errors.New("POINTSMAN_TOKEN or POINTSMAN_TOKEN_FILE is needed to talk to " + server)
		}
		return &client{http: &http.Client{}, base: strings.TrimSuffix(server, "/"), token: token, within: time.Minute}, nil
	}
	if socket == "" {
		socket = os.Getenv("POINTSMAN_SOCKET")
	}
	if socket == "" {
		socket = defaultSocket
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return &client{http: &http.Client{Transport: &http.Transport{DialContext: dial}}, base: "http://pointsman", socket: socket, token: token, within: time.Minute}, nil
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
		*s = string(b)
		return err
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// send leaves the answer to be read: a whole record takes as long as it takes.
func (c *client) send(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unanswered(err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	var ans pointsman.Answer
	if err := json.NewDecoder(resp.Body).Decode(&ans); err != nil || ans.Text == "" {
		return nil, fmt.Errorf("the server answered %s", resp.Status)
	}
	return nil, errors.New(ans.Text)
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
	fmt.Fprintln(cmd.OutOrStdout(), ans.Text)
	return nil
}

func segment(s string) string { return url.PathEscape(s) }
