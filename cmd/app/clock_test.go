package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestClockWatch_tells_a_difference_once_and_its_end(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var off time.Duration
	w := &clockWatch{ahead: func() time.Duration { return off }, log: slog.New(slog.NewTextHandler(&out, nil))}
	for _, at := range []struct {
		off  time.Duration
		says string
	}{
		{time.Second, ""},
		{time.Hour, "WARN"},
		{time.Hour + time.Second, ""},
		{2 * time.Hour, "WARN"},
		{-time.Hour, "WARN"},
		{time.Millisecond, "INFO"},
		{0, ""},
	} {
		out.Reset()
		off = at.off
		w.look()
		if got := out.String(); (got == "") != (at.says == "") || !strings.Contains(got, at.says) {
			t.Errorf("%s: said %q, want %q", at.off, got, at.says)
		}
	}
}
