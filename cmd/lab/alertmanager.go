package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Alertmanager is a real Alertmanager on 127.0.0.1, without a cluster.
type Alertmanager struct {
	URL string // where its API and its pages are, without a slash at the end

	dir *Dir
	run *process
}

// StartAlertmanager returns once the server says that it is ready. ctx bounds the start only; without a deadline it may
// take a minute.
func StartAlertmanager(ctx context.Context, options AlertmanagerOptions) (*Alertmanager, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	bin, err := alertmanagerBin()
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	dir, err := newMemoryDir("alertmanager") // it waits for the disk when it is stopped
	if err != nil {
		return nil, err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	a := &Alertmanager{URL: "http://" + addr, dir: dir}
	if err := a.start(ctx, bin, addr, options); err != nil {
		return nil, errors.Join(fmt.Errorf("start alertmanager on port %d: %w", port, err), a.Close())
	}
	return a, nil
}

func (a *Alertmanager) start(ctx context.Context, bin, addr string, options AlertmanagerOptions) error {
	config := filepath.Join(a.dir.Path, "alertmanager.yml")
	// The bearer token stands in it, so it is for the server's user alone.
	err := errors.Join(os.WriteFile(config, []byte(options.yaml()), 0o600), a.dir.Give(config))
	if err != nil {
		return err
	}
	a.run, err = launch(a.dir.Path, filepath.Join(a.dir.Path, "alertmanager.log"), bin, "--config.file="+config,
		"--storage.path="+filepath.Join(a.dir.Path, "storage"), "--web.listen-address="+addr, "--cluster.listen-address=")
	if err != nil {
		return err
	}
	return Await(ctx, func(ctx context.Context) error {
		if !a.run.running() {
			return a.run.ended()
		}
		return a.call(ctx, http.MethodGet, "/-/ready", nil)
	})
}

// Fire posts one firing alert, as Prometheus does. Posting the same labels again keeps it firing.
func (a *Alertmanager) Fire(ctx context.Context, labels, annotations map[string]string) error {
	return a.Post(ctx, Alert{Labels: labels, Annotations: annotations})
}

// Resolve ends the alert with exactly these labels.
func (a *Alertmanager) Resolve(ctx context.Context, labels map[string]string) error {
	now := time.Now()
	return a.Post(ctx, Alert{Labels: labels, EndsAt: &now})
}

// Alert is one element of the body of POST /api/v2/alerts. A missing StartsAt means now, a missing EndsAt firing.
type Alert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	StartsAt     *time.Time        `json:"startsAt,omitempty"`
	EndsAt       *time.Time        `json:"endsAt,omitempty"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// Post hands alerts to Alertmanager, all in one request.
func (a *Alertmanager) Post(ctx context.Context, alerts ...Alert) error {
	body, err := json.Marshal(alerts)
	if err != nil {
		return err
	}
	return a.call(ctx, http.MethodPost, "/api/v2/alerts", body)
}

func (a *Alertmanager) call(ctx context.Context, method, path string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, method, a.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("alertmanager %s %s: %s: %s", method, path, response.Status, bytes.TrimSpace(answer))
	}
	return nil
}

// Log returns everything that the server has written so far.
func (a *Alertmanager) Log() (string, error) {
	text, err := os.ReadFile(filepath.Join(a.dir.Path, "alertmanager.log"))
	return string(text), err
}

// Pids lists the processes of the server.
func (a *Alertmanager) Pids() []int {
	if a.run == nil {
		return nil
	}
	return a.run.pids()
}

// Close stops the server and removes its storage. It may be called twice.
func (a *Alertmanager) Close() error {
	var err error
	if a.run != nil {
		ctx, cancel := context.WithTimeout(context.Background(), startLimit)
		defer cancel()
		err = a.run.stop(ctx, syscall.SIGTERM)
	}
	return errors.Join(err, a.dir.Close())
}
