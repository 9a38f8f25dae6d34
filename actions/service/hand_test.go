package service_test

import (
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/service"
)

func TestByHandIsTheConfiguredCommand(t *testing.T) {
	t.Parallel()
	h := kind(t, service.KindRun, service.Target{Name: "api", Commands: map[string][]string{"restart": {"printf", "%s|", "$(id)", "it's", "*"}}}).(actions.Handy)
	do, undo := h.ByHand(input(restart))
	if want := []string{`printf '%s|' '$(id)' 'it'\''s' '*'`}; !cmp.Equal(do, want) || undo != nil {
		t.Errorf("do %q, undo %q, want %q", do, undo, want)
	}
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", do[0]).Output(); err != nil || string(out) != "$(id)|it's|*|" {
		t.Errorf("pasted it prints %q, error %v", out, err)
	}
	for _, with := range []string{`{"service":"${service}","command":"restart"}`, `{"service":"api","command":"${command}"}`, `{"service":1}`} {
		if do, undo := h.ByHand(input(with)); do != nil || undo != nil {
			t.Errorf("%s: %q, %q", with, do, undo)
		}
	}
}

func TestByHandAsksAsTheCheckDoesAndNamesNoUser(t *testing.T) {
	t.Parallel()
	h := kind(t, service.KindCheck, service.Target{Name: "api", Health: []service.Health{
		{URL: "https://t0ken:s3cret@api.internal/health?deep=1&for=us", Contains: "it's ok"},
		{URL: "http://api.internal:8000/gone", Status: 410},
	}}).(actions.Handy)
	do, undo := h.ByHand(input(`{"service":"api"}`))
	if diff := cmp.Diff([]string{
		`curl -gfsS --noproxy '*' --max-time 10 -L --max-redirs 3 -u USER 'https://api.internal/health?deep=1&for=us' | grep -F -e 'it'\''s ok'`,
		`curl -gsS --noproxy '*' --max-time 10 -L --max-redirs 3 -o /dev/null -w '%{http_code}\n' http://api.internal:8000/gone | grep -x 410`,
	}, do); diff != "" || undo != nil {
		t.Errorf("%s, undo %q", diff, undo)
	}
	for _, with := range []string{`{"service":"${service}"}`, `{"consecutive":-1}`} {
		if do, undo := h.ByHand(input(with)); do != nil || undo != nil {
			t.Errorf("%s: %q, %q", with, do, undo)
		}
	}
}
