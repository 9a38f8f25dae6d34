package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pointsman/pointsman/cmd/lab"
)

// crew is several replicas of the program on one PostgreSQL, each a process of its own, behind one balancer.
type crew struct {
	*traffic
	all  []*replica
	next atomic.Int64
}

// replica is one of them.
type replica struct {
	crew  *crew
	name  string
	base  string
	file  string
	is    string // the program; the usual one if empty
	mu    sync.Mutex
	cmd   *exec.Cmd
	lives atomic.Bool
}

// openCrew sets the stage for n replicas; nobody is started.
func openCrew(t testing.TB, n int, timings string) *crew {
	t.Helper()
	c := &crew{traffic: openTraffic(t, "postgres", timings)}
	text, err := os.ReadFile(c.file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		port, err := lab.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		r := &replica{crew: c, name: fmt.Sprintf("replica-%d", i+1), base: fmt.Sprintf("http://127.0.0.1:%d", port)}
		if err := os.Mkdir(filepath.Join(c.dir, r.name), 0o700); err != nil {
			t.Fatal(err)
		}
		own := strings.Replace(string(text), "listen: "+strings.TrimPrefix(c.base, "http://"), "listen: "+strings.TrimPrefix(r.base, "http://"), 1)
		if i > 0 { // the command line of the tests talks to the first one
			own = strings.Replace(own, filepath.Join(c.dir, "pointsman.sock"), filepath.Join(c.dir, r.name, "pointsman.sock"), 1)
		}
		c.write(filepath.Join(r.name, "pointsman.yaml"), own, 0o600)
		r.file = filepath.Join(c.dir, r.name, "pointsman.yaml")
		c.all = append(c.all, r)
	}
	balancer := httptest.NewServer(http.HandlerFunc(c.balance))
	t.Cleanup(balancer.Close)
	c.slack.SetRequestURLs(balancer.URL+"/slack/commands", balancer.URL+"/slack/interactions")
	c.base = balancer.URL
	t.Cleanup(func() {
		for _, r := range c.all {
			r.kill()
		}
		if t.Failed() {
			text, _ := os.ReadFile(filepath.Join(c.dir, "pointsman.log"))
			t.Logf("log of the replicas:\n%s", text[max(0, len(text)-20_000):])
		}
	})
	return c
}

// balance sends each request to another replica that lives. One that dies or stands still is a bad gateway until then.
func (c *crew) balance(w http.ResponseWriter, r *http.Request) {
	var living []string
	for _, one := range c.all {
		if one.lives.Load() {
			living = append(living, one.base)
		}
	}
	if len(living) == 0 {
		http.Error(w, "nobody lives", http.StatusBadGateway)
		return
	}
	to, err := url.Parse(living[int(c.next.Add(1))%len(living)])
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second) // a frozen one takes connections and never answers
	defer cancel()
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
	proxy.ServeHTTP(w, r.WithContext(ctx))
}

// begin starts the replica, and waits for nothing.
func (r *replica) begin(env ...string) {
	r.crew.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cmd = r.crew.launchThe(cmp.Or(r.is, program(r.crew.t)), r.file, env...)
	r.lives.Store(true)
}

// ready waits until the replica serves.
func (r *replica) ready() {
	r.crew.t.Helper()
	r.crew.await(r.name+" is ready", func() error {
		resp, err := http.Get(r.base + "/-/ready")
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			err = errors.New(resp.Status)
		}
		return errors.Join(err, resp.Body.Close())
	})
}

// kill ends the replica by SIGKILL, if it runs.
func (r *replica) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill() // it may be dead already
	_ = r.cmd.Wait()
	r.cmd = nil
	r.lives.Store(false)
}

// ends asks the replica to end in order and holds it to that.
func (r *replica) ends() {
	r.crew.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lives.Store(false)
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		r.crew.t.Fatal(err)
	}
	if err := r.cmd.Wait(); err != nil {
		r.crew.t.Errorf("%s did not end in order: %v", r.name, err)
	}
	r.cmd = nil
	r.lives.Store(false)
}

// died waits until the replica has killed itself and returns when.
func (r *replica) died() time.Time {
	r.crew.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	cmd := r.cmd
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait() // it was killed, and says so
	if !late.Stop() {
		r.crew.t.Errorf("%s did not come to its failpoint", r.name)
	}
	r.cmd = nil
	r.lives.Store(false)
	return time.Now()
}

// stands waits until the replica has stopped itself.
func (r *replica) stands() {
	r.crew.t.Helper()
	stopped := make(chan syscall.WaitStatus, 1)
	go func() {
		var status syscall.WaitStatus
		for {
			if _, err := syscall.Wait4(r.cmd.Process.Pid, &status, syscall.WUNTRACED, nil); !errors.Is(err, syscall.EINTR) {
				break
			}
		}
		stopped <- status
	}()
	select {
	case status := <-stopped:
		if !status.Stopped() {
			r.crew.t.Fatalf("%s did not stop but ended: %v", r.name, status)
		}
	case <-time.After(patience):
		r.crew.t.Fatalf("%s did not come to its failpoint", r.name)
	}
}

// wakes lets a replica that stands still go on.
func (r *replica) wakes() {
	r.crew.t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		r.crew.t.Fatal(err)
	}
}
