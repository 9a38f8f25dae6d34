package lab

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestIsland_swallows_packets_when_it_is_cut_off: a new connection gets no answer, an open one is neither closed nor
// reset, the island's own clients go on, and when a cable is healed the open connection goes on too.
func TestIsland_swallows_packets_when_it_is_cut_off(t *testing.T) {
	t.Parallel()
	island, err := NewIsland(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = island.Close() })
	server, err := StartPostgres(t.Context(), PostgresOptions{InMemory: true, Island: island})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	open, err := net.Dial("tcp", server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()

	if err := island.Cut(t.Context(), Front); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := (&net.Dialer{}).DialContext(short, "tcp", server.Addr()); !isTimeout(err) {
		t.Errorf("a new connection: %v, want silence", err)
	}
	if _, err := open.Write([]byte("\x00\x00\x00\x08\x04\xd2\x16\x2f")); err != nil { // asks whether it speaks TLS
		t.Errorf("writing to an open connection: %v", err)
	}
	inside, err := island.Dial(t.Context(), "tcp", server.Addr())
	if err != nil {
		t.Fatalf("the island's own client: %v", err)
	}
	inside.Close()

	if err := island.Heal(t.Context(), Front); err != nil {
		t.Fatal(err)
	}
	if err := open.SetReadDeadline(time.Now().Add(startLimit)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 1)
	if _, err := open.Read(answer); err != nil || answer[0] != 'N' {
		t.Errorf("the open connection after the healing: %q, %v, want N", answer, err)
	}
	near := island.cables[Front].near
	if err := errors.Join(server.Close(), island.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join("/sys/class/net", near)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", near, err)
	}
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}
