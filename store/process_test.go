package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/store"
	"github.com/pointsman/pointsman/store/audit"
)

// child names what this test binary does when a test starts it as a process of its own.
const child = "POINTSMAN_STORE_CHILD"

func TestMain(m *testing.M) {
	role := os.Getenv(child)
	if role == "" {
		os.Exit(m.Run())
	}
	cfg := store.Config{Driver: os.Getenv("DRIVER"), Path: os.Getenv("DB_PATH"), DSN: os.Getenv("DB_DSN")}
	s, err := store.Open(context.Background(), cfg, nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	switch role {
	case "writer":
		acknowledge(s)
	case "full":
		fill(s)
	}
}

// acknowledge stores webhooks until it is killed and prints each incident after its commit.
func acknowledge(s *store.Store) {
	var n atomic.Int64
	for range 4 {
		go func() {
			for {
				res, err := s.Do(context.Background(), outage(n.Add(1)))
				if err != nil {
					fmt.Println(err)
					os.Exit(1)
				}
				fmt.Println(res.State.Incident.ID)
			}
		}()
	}
	select {}
}

func outage(i int64) pointsman.ReceiveAlerts {
	return pointsman.ReceiveAlerts{
		Key: fmt.Sprint("key-", i), Title: "an outage", Severity: "critical",
		Alerts: []pointsman.Alert{{Fingerprint: "fp", StartsAt: time.Now(), Status: pointsman.AlertFiring}},
		Offers: []pointsman.Offer{{Runbook: "failover", Title: "Failover"}},
	}
}

// fill stores webhooks until no file may grow any more, then lets them grow again and goes on.
func fill(s *store.Store) {
	limit := func(bytes uint64) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: 1 << 40}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	limit(2 << 20)
	stored := 0
	for i := range int64(100_000) {
		if _, err := s.Do(context.Background(), outage(i)); err != nil {
			fmt.Println("full:", err)
			break
		}
		stored++
	}
	inc, err := s.Incidents(context.Background(), false, 100_000)
	fmt.Println("kept:", len(inc) == stored, err)
	limit(1 << 40)
	_, err = s.Do(context.Background(), outage(100_001))
	fmt.Println("again:", err)
	fmt.Println("closed:", s.Close())
}

func start(t *testing.T, role string, cfg store.Config) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), child+"="+role, "DRIVER="+cfg.Driver, "DB_PATH="+cfg.Path, "DB_DSN="+cfg.DSN)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func open(t *testing.T, cfg store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore_keeps_what_it_acknowledged_when_it_is_killed(t *testing.T) {
	for name, fresh := range map[string]func(testing.TB) store.Config{"sqlite": onSQLite, "postgres": onPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := fresh(t)
			for range 3 {
				cmd, lines := start(t, "writer", cfg)
				var acknowledged []string
				for lines.Scan() {
					acknowledged = append(acknowledged, lines.Text())
					if len(acknowledged) == 40 {
						if err := cmd.Process.Kill(); err != nil {
							t.Fatal(err)
						}
					}
				}
				if err := cmd.Wait(); err == nil || len(acknowledged) < 40 {
					t.Fatalf("the writer ended by itself: %v", acknowledged)
				}
				s := open(t, cfg)
				for _, id := range acknowledged {
					if _, err := s.State(t.Context(), id); err != nil {
						t.Error(err)
					}
				}
				wholeLog(t, s)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// wholeLog checks the chain, and that incidents and the log tell the same.
func wholeLog(t *testing.T, s *store.Store) {
	t.Helper()
	secret, public, err := audit.NewKey("process.example")
	if err != nil {
		t.Fatal(err)
	}
	key, err := audit.ParseKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	note, err := s.Checkpoint(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	report, err := audit.VerifyEntries(s.Entries(t.Context(), "", 1<<40), [][]byte{note}, audit.Trust{Keys: []string{public}})
	if err != nil || report.Verdict != audit.Intact {
		t.Errorf("the log is %s: %v %+v", report.Verdict, err, report)
	}
	all, err := s.Incidents(t.Context(), false, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	events, err := s.Events(t.Context(), "", 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	for _, ev := range events {
		if ev.Type == pointsman.EvIncidentOpened {
			opened++
		}
	}
	if opened != len(all) || len(all) == 0 {
		t.Errorf("%d incidents, %d of them in the log", len(all), opened)
	}
}

func TestStore_refuses_a_second_process(t *testing.T) {
	t.Parallel()
	cfg := onSQLite(t)
	first := open(t, cfg)
	want := fmt.Sprintf("%s is in use by process %d: one pointsman at a time may open it", cfg.Path, os.Getpid())
	cmd, lines := start(t, "writer", cfg)
	lines.Scan()
	if err := cmd.Wait(); err == nil || !strings.HasPrefix(lines.Text(), want) {
		t.Errorf("the second process said %q (%v), want %q", lines.Text(), err, want)
	}
	if _, err := store.Open(t.Context(), cfg, nil); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("a second store of this process: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, cfg)
}

func TestStore_with_a_full_disk_keeps_whole_commands_only(t *testing.T) {
	t.Parallel()
	cfg := onSQLite(t)
	cmd, lines := start(t, "full", cfg)
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(errors.Join(err, errors.New(strings.Join(said, "\n"))))
	}
	want := []string{"full: pointsman.ReceiveAlerts: ", "kept: true <nil>", "again: <nil>", "closed: <nil>"}
	for i, w := range want {
		if i >= len(said) || !strings.HasPrefix(said[i], w) {
			t.Fatalf("said %q, want beginnings %q", said, want)
		}
	}
	wholeLog(t, open(t, cfg))
}

// TestStore_waits_for_the_lock_of_a_process_that_is_just_gone: a child that was being started when its parent was killed
// has the parent's lock for a moment, and the restart must not fail because of it.
func TestStore_waits_for_the_lock_of_a_process_that_is_just_gone(t *testing.T) {
	t.Parallel()
	cfg := onSQLite(t)
	lock, err := os.OpenFile(cfg.Path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, func() {
		if err := lock.Close(); err != nil {
			t.Error(err)
		}
	})
	open(t, cfg)
}
