package lab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
)

// Etcd is one real etcd on 127.0.0.1: the store in which the members of a Patroni cluster agree who leads.
type Etcd struct {
	Port int

	dir *Dir
	run *process
}

// StartEtcd returns once it answers. ctx bounds the start only; without a deadline it may take a minute.
func StartEtcd(ctx context.Context) (*Etcd, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	bin, err := etcdBin()
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	peers, err := FreePort()
	if err != nil {
		return nil, err
	}
	// In memory: etcd syncs each write, and on a busy disk a leader's key would be lost for it.
	dir, err := newMemoryDir("etcd")
	if err != nil {
		return nil, err
	}
	e := &Etcd{Port: port, dir: dir}
	url, peer := "http://"+e.Addr(), "http://127.0.0.1:"+strconv.Itoa(peers)
	e.run, err = launch(dir.Path, e.logFile(), bin, "--name", "etcd-1", "--data-dir", filepath.Join(dir.Path, "etcd"),
		"--listen-client-urls", url, "--advertise-client-urls", url,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "etcd-1="+peer)
	if err == nil {
		err = Await(ctx, e.healthy)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start etcd on port %d: %w", port, err), e.Close())
	}
	return e, nil
}

func (e *Etcd) healthy(ctx context.Context) error {
	if !e.run.running() {
		return e.run.ended()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.Addr()+"/health", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("etcd answers %s", resp.Status)
	}
	return errors.Join(err, resp.Body.Close())
}

// Addr is host:port.
func (e *Etcd) Addr() string { return "127.0.0.1:" + strconv.Itoa(e.Port) }

func (e *Etcd) logFile() string { return filepath.Join(e.dir.Path, "etcd.log") }

// Log returns everything that it has written so far.
func (e *Etcd) Log() (string, error) {
	text, err := os.ReadFile(e.logFile())
	return string(text), err
}

// Close stops it and removes its folder. It may be called twice.
func (e *Etcd) Close() error {
	var err error
	if e.run != nil {
		err = e.run.kill()
	}
	return errors.Join(err, e.dir.Close())
}
