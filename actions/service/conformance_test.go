package service_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/actiontest"
	"github.com/pointsman/pointsman/actions/service"
)

func TestRunConformance(t *testing.T) {
	t.Setenv("API_ADMIN_KEY", "hunter2-of-the-api")
	file := filepath.Join(t.TempDir(), "restarted")
	missing := service.Target{Name: "api", Commands: map[string][]string{"restart": {"/usr/bin/no-such-program"}}}
	actiontest.Run(t, actiontest.Suite{
		Action: kind(t, service.KindRun, api(`echo "$API_ADMIN_KEY"; echo again >>`+file, "API_ADMIN_KEY")),
		In:     input(restart),
		World: func(context.Context) (string, error) {
			b, err := os.ReadFile(file)
			if os.IsNotExist(err) {
				return "", nil
			}
			return string(b), err
		},
		Secrets:   []string{"hunter2-of-the-api"},
		Failing:   []actions.Action{kind(t, service.KindRun, missing)},
		MemoTells: "the exit code is all that will ever be known of a process that has ended",
	})
}

func TestCheckConformance(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-of-the-health"
	serve := func(h http.HandlerFunc) string { return health(t, h, "").Health[0].URL }
	hidden := func(address string) string { return strings.Replace(address, "//", "//pointsman:"+secret+"@", 1) }
	at := func(address, contains string) actions.Action {
		return kind(t, service.KindCheck, service.Target{Name: "api", Health: []service.Health{{URL: hidden(address), Contains: contains}}})
	}
	var changing atomic.Int64
	well := serve(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			changing.Add(1)
		}
	})
	half := service.Target{Name: "api", Health: []service.Health{{URL: hidden(well)}, {URL: hidden("http://127.0.0.1:1/health")}}}
	actiontest.Run(t, actiontest.Suite{
		Action: at(well, ""), In: input(`{"service":"api","every":"5ms"}`), Secrets: []string{secret}, OnlyLooks: true,
		World: func(context.Context) (string, error) { // all that it could do to a service is to ask in another way
			return fmt.Sprint(changing.Load(), " requests that may change something"), nil
		},
		Failing: []actions.Action{
			at("http://127.0.0.1:1/health", ""), at("http://no-such-host.invalid/health", ""), at(mail(t), ""), at(well, `"ok"`),
			at(serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }), ""),
			kind(t, service.KindCheck, half),
		},
		Unhindered: "that the service does not answer is why its restart is proposed; it is a plain fact of the card",
	})
}

// mail is the address of a server of another kind.
func mail(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, "220 mail.example ready\r\n")
			conn.Close()
		}
	}()
	return "http://" + l.Addr().String() + "/health"
}
