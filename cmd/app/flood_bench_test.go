package app_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman/cmd/lab"
)

// BenchmarkFlood measures, on both stores, one webhook of 10,000 alerts from the first byte to the 200 that says that all
// of them are committed, and the most memory that the process had meanwhile: the program, its stand-in for Slack and the
// sender together. All alerts are one incident, or each one is an incident of its own. Run it with -benchtime 5x.
func BenchmarkFlood(b *testing.B) {
	const alerts = 10_000
	for _, shape := range []struct {
		name      string
		incidents int
	}{{"one-incident", 1}, {"each-its-own", alerts}} {
		body := webhookOf(alerts, shape.incidents)
		b.Run("sqlite/"+shape.name, func(b *testing.B) {
			floods(b, body, func() string { return "" })
		})
		b.Run("postgres/"+shape.name, func(b *testing.B) {
			floods(b, body, func() string {
				server, err := lab.StartPostgres(b.Context(), lab.PostgresOptions{})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { _ = server.Close() })
				return "driver: postgres, dsn: \"" + server.SuperuserDSN() + "\""
			})
		})
	}
}

// floods sends the webhook to b.N programs, each with an empty store.
func floods(b *testing.B, body []byte, storage func() string) {
	b.Helper()
	var took []time.Duration
	most := 0
	for range b.N {
		s := open(b, storage(), 1)
		s.alarm(0) // connected, and the statements compiled
		debug.FreeOSMemory()
		forgetMost(b)
		sent := time.Now()
		s.post(body)
		took = append(took, time.Since(sent))
		most = max(most, mostMemory(b))
		s.close()
	}
	quantiles(b, "ack", took)
	b.ReportMetric(float64(most>>10), "MiB-most")
	b.ReportMetric(0, "ns/op")
}

func webhookOf(alerts, incidents int) []byte {
	var body bytes.Buffer
	body.WriteString(`{"version":"4","groupKey":"{}:{alertname=\"BackupMissing\"}","receiver":"r","status":"firing","alerts":[`)
	began := time.Now().Format(time.RFC3339Nano)
	for i := range alerts {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"status":"firing","fingerprint":"%016[1]x","startsAt":%[3]q,"endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus.example/graph?g0.expr=time%%28%%29",
			"labels":{"alertname":"BackupMissing","id":"flood-%[2]d","instance":"db-%[1]d.example:9100","job":"backup","severity":"critical"},
			"annotations":{"summary":"no backup of db-%[1]d since yesterday","description":"the last backup of db-%[1]d is older than 24 hours"}}`, i+1, i%incidents, began)
	}
	body.WriteString(`]}`)
	return body.Bytes()
}

// forgetMost begins anew with what mostMemory tells: https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html
func forgetMost(b *testing.B) {
	b.Helper()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Logf("the memory is that since the start of the benchmark: %s", err)
	}
}

// mostMemory is the most resident memory that this process had, in kB; zero where nobody tells.
func mostMemory(b *testing.B) int {
	b.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	kb, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		b.Fatal(err)
	}
	return kb
}
