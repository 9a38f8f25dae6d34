package service_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
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
		Secrets: []string{"hunter2-of-the-api"},
		Failing: []actions.Action{kind(t, service.KindRun, missing)},
	})
}

func TestCheckConformance(t *testing.T) {
	t.Parallel()
	actiontest.Run(t, actiontest.Suite{
		Action: kind(t, service.KindCheck, health(t, func(http.ResponseWriter, *http.Request) {}, "")),
		In:     input(`{"service":"api","every":"5ms"}`),
	})
}
