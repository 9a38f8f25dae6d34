package service_test

import (
	"net/http"
	"net/http/httptest"
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
		`curl -gsS --noproxy '*' --max-time 10 -L --max-redirs 3 -u USER -o /dev/null -w '%{http_code} %{url_effective}\n' 'https://api.internal/health?deep=1&for=us' | grep -E -e '^200 [a-z]+://api\.internal([/?#]|$)'`,
		`curl -gsS --noproxy '*' --max-time 10 -L --max-redirs 3 -u USER 'https://api.internal/health?deep=1&for=us' | grep -F -e 'it'\''s ok'`,
		`curl -gsS --noproxy '*' --max-time 10 -L --max-redirs 3 -o /dev/null -w '%{http_code} %{url_effective}\n' http://api.internal:8000/gone | grep -E -e '^410 [a-z]+://api\.internal:8000([/?#]|$)'`,
	}, do); diff != "" || undo != nil {
		t.Errorf("%s, undo %q", diff, undo)
	}
	for _, with := range []string{`{"service":"${service}"}`, `{"consecutive":-1}`} {
		if do, undo := h.ByHand(input(with)); do != nil || undo != nil {
			t.Errorf("%s: %q, %q", with, do, undo)
		}
	}
}

// A login page on another host says 200 as well. The doctor does not follow there, and what is pasted must not call it well.
func TestByHandARedirectToAnotherHostIsNotWell(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("curl is missing: cmd/scripts/install-deps.sh curl installs it")
	}
	login := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(login.Close)
	mux := http.NewServeMux()
	mux.Handle("/health", http.RedirectHandler("/healthy", http.StatusFound))
	mux.HandleFunc("/healthy", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("/walled", http.RedirectHandler(login.URL+"/login", http.StatusFound))
	api := httptest.NewServer(mux)
	t.Cleanup(api.Close)
	for path, well := range map[string]bool{"/healthy": true, "/health": true, "/walled": false, "/none": false} {
		h := kind(t, service.KindCheck, service.Target{Name: "api", Health: []service.Health{{URL: api.URL + path}}}).(actions.Handy)
		do, _ := h.ByHand(input(`{"service":"api"}`))
		out, err := exec.CommandContext(t.Context(), "sh", "-c", do[0]).CombinedOutput()
		if len(do) != 1 || (err == nil) != well {
			t.Errorf("%s: %q says %s, error %v; want well %t", path, do, out, err, well)
		}
	}
}
