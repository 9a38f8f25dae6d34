package killswitch_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsman/pointsman/actions/killswitch"
	"github.com/pointsman/pointsman/cmd/lab"
)

// far is the address of a server on another continent: each message takes the delay, each way.
func far(t *testing.T, server string, delay time.Duration) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			away, err := net.Dial("tcp", server)
			if err != nil {
				near.Close()
				continue
			}
			end := sync.OnceFunc(func() { near.Close(); away.Close() })
			wg.Go(func() { carry(done, away, near, delay); end() })
			wg.Go(func() { carry(done, near, away, delay); end() })
			wg.Go(func() { <-done; end() })
		}
	})
	t.Cleanup(func() { l.Close(); close(done); wg.Wait() })
	return l.Addr().String()
}

func carry(done <-chan struct{}, to io.Writer, from io.Reader, delay time.Duration) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		select {
		case <-done:
			return
		case <-time.After(delay):
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// silent is the address of a server that hangs: the kernel takes the connection, and nobody answers.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func addressOf(hosts ...string) string {
	return "postgres://" + lab.Pointsman + "@" + strings.Join(hosts, ",") + "/" + lab.AppDatabase + "?sslmode=disable&target_session_attrs=read-write"
}

// TestAFarPrimaryHasAsMuchTimeAsASingleOne: three regions, and the primary is the far one. A third of the time for each host is not
// enough to come in there, and a switch that cannot be read counts as engaged.
func TestAFarPrimaryHasAsMuchTimeAsASingleOne(t *testing.T) {
	t.Parallel()
	pair := lab.NewPair(t, lab.PairOptions{})
	exec(t, pair.Primary, table+released)
	primary, standby := far(t, pair.Primary.Addr(), 150*time.Millisecond), pair.Standby.Addr()
	for name, dsn := range map[string]string{
		"first":                      addressOf(primary, standby, silent(t)),
		"last":                       addressOf(standby, "127.0.0.1:1", primary),
		"behind_one_that_hangs":      addressOf(silent(t), standby, primary),
		"behind_two_that_both_hang":  addressOf(silent(t), silent(t), primary),
		"before_those_that_are_gone": addressOf(primary, "127.0.0.1:1", "127.0.0.1:2"),
	} {
		t.Run(name, func(t *testing.T) {
			w := watcher(t, killswitch.Switch{Name: "trading", DSN: dsn})
			if st, err := w.Look(t.Context(), "trading"); err != nil || st.Problem != "" {
				t.Fatalf("%+v, %v", st, err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // a look of the engine
			defer cancel()
			if _, err := kind(t, w, killswitch.KindVerify).Verify(ctx, input("")); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestOfTwoPrimariesTheFirstOneNamedCounts: the hosts are asked beside each other, and a switch that is engaged in one look and released
// in the next, as the network has it, would be worse than either.
func TestOfTwoPrimariesTheFirstOneNamedCounts(t *testing.T) {
	t.Parallel()
	first, _ := server(t, table+"INSERT INTO kill_switch_state VALUES (1, true, 'orders run away', '2026-02-01T00:00:00Z');")
	second, _ := server(t, table+released)
	w := watcher(t, killswitch.Switch{Name: "trading", DSN: addressOf(far(t, first.Addr(), 80*time.Millisecond), second.Addr())})
	if st, err := w.Look(t.Context(), "trading"); err != nil || st.State != killswitch.Engaged {
		t.Errorf("%+v, %v", st, err)
	}
}
