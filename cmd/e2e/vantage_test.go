package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/pointsman/pointsman/cmd/lab"
)

const probeToken = "token-of-the-probe"

// vantage starts a second place from which the same nodes are looked at: the program as it is shipped, with a configuration
// of its own, which gives a hung node up sooner than who asks gives it up. A story may hold its answers back.
func (s *stage) vantage() string {
	s.t.Helper()
	var nodes strings.Builder
	for _, n := range s.pair.Nodes() {
		fmt.Fprintf(&nodes, "        - {name: %s, dsn: %q}\n", n.Name, n.PointsmanDSN())
	}
	s.write("probe.token", probeToken+"\n", 0o600)
	s.write("probe.yaml", fmt.Sprintf("web: {socket: \"\"}\nalertmanager: {tokens: [%s]}\ntargets:\n  postgres:\n    - name: orders\n      environment: test\n      read_timeout: %s\n      clients: {dsn: %q}\n      nodes:\n%s",
		webhookToken, s.as.reads()/2, s.pair.ClientDSN(lab.Pointsman), nodes.String()), 0o600)
	at, err := url.Parse("http://" + s.probe())
	if err != nil {
		s.t.Fatal(err)
	}
	answer := httputil.NewSingleHostReverseProxy(at)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if gate := s.hold.Load(); gate != nil {
			select {
			case <-*gate:
			case <-r.Context().Done():
			}
		}
		answer.ServeHTTP(w, r)
	}))
	s.t.Cleanup(server.Close)
	return server.URL
}

// probe starts the process and returns the address at which it answers.
func (s *stage) probe() string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), program(s.t), "probe", "--config", filepath.Join(s.dir, "probe.yaml"), "--token-file", filepath.Join(s.dir, "probe.token"), "--listen", "127.0.0.1:0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed, and says so
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	said, ok := strings.CutPrefix(line, "answering on ")
	if err != nil || !ok {
		s.t.Fatalf("the probe says %q: %v", line, err)
	}
	addr, _, _ := strings.Cut(said, " ")
	return addr
}
