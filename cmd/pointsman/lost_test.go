package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// cutting reads a request, keeps its Idempotency-Key and ends the connection without an answer, as a server does that dies
// after its commit; with a status it answers with that and no sentence, as a proxy in front of such a server does.
func cutting(t *testing.T, status int, body string) (url string, keys chan string) {
	t.Helper()
	keys = make(chan string, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys <- r.Header.Get("Idempotency-Key")
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(srv.Close)
	return srv.URL, keys
}

// "No server answers" would make whoever reads it lock the target again, or believe that the kill switch is not engaged.
func TestALostAnswerIsNotCalledNotDone(t *testing.T) {
	t.Setenv("POINTSMAN_TOKEN", "token-of-the-test")
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"the connection breaks":          {0, ""},
		"the proxy gives up":             {http.StatusGatewayTimeout, "<html>504</html>"},
		"the answer breaks in its midst": {http.StatusOK, `{"code":"acce`},
		"something else answers":         {http.StatusOK, `{}`},
		"the store breaks off":           {http.StatusServiceUnavailable, `{"code":"unknown","text":"it is not known whether this was done, the store did not answer; look before you repeat it: commit: EOF"}`},
	} {
		t.Run(name, func(t *testing.T) {
			url, keys := cutting(t, c.status, c.body)
			order := []string{"killswitch", "engage", "trading", "prices are wrong", "--server", url}
			said := says(t, nil, order...)
			if !strings.Contains(said, "it is not known whether this was done") || !strings.HasSuffix(said, "--- exit 1\n") {
				t.Fatal(said)
			}
			first := <-keys
			named := regexp.MustCompile(`--once (\S+):`).FindStringSubmatch(said)
			if len(named) != 2 || named[1] != first || len(first) < 16 {
				t.Fatalf("the server heard %q, and what is said is %s", first, said)
			}
			says(t, nil, append(order, "--once", first)...)
			if again := <-keys; again != first {
				t.Errorf("repeated under the name %q, want %q", again, first)
			}
			says(t, nil, order...)
			if another := <-keys; another == first {
				t.Error("another order has the same name")
			}
		})
	}
}

// A question changes nothing, and an order that reached nobody was not done: both say so plainly.
func TestOnlyAnOrderThatReachedTheServerMayHaveBeenDone(t *testing.T) {
	t.Setenv("POINTSMAN_TOKEN", "token-of-the-test")
	url, _ := cutting(t, 0, "")
	for name, args := range map[string][]string{
		"a question":                 {"incidents", "--server", url},
		"nobody listens":             {"freeze", "--reason", "why", "--socket", filepath.Join(t.TempDir(), "none")},
		"a server that is not there": {"freeze", "--reason", "why", "--server", "http://127.0.0.1:1"},
	} {
		if said := says(t, nil, args...); strings.Contains(said, "not known") || !strings.Contains(said, "no server answers") {
			t.Errorf("%s: %s", name, said)
		}
	}
}

// `engage … && echo stopped` must not say what nobody knows.
func TestAnOrderThatIsStillUnderWayIsNoSuccess(t *testing.T) {
	t.Setenv("POINTSMAN_TOKEN", "token-of-the-test")
	url, _ := cutting(t, http.StatusAccepted, `{"code":"under_way","text":"trading is being engaged as INC-1/R1; it was not read back yet"}`)
	want := "trading is being engaged as INC-1/R1; it was not read back yet\n--- exit 3\n"
	if said := says(t, nil, "killswitch", "engage", "trading", "prices are wrong", "--server", url); said != want {
		t.Errorf("%q, want %q", said, want)
	}
}

// Whoever names a socket means the server behind it, also where the shell names another: production instead of staging.
func TestTheSocketOnTheCommandLineCountsBeforeTheServerOfTheShell(t *testing.T) {
	url, keys := cutting(t, http.StatusOK, `[]`)
	t.Setenv("POINTSMAN_TOKEN", "token-of-the-test")
	t.Setenv("POINTSMAN_SERVER", url)
	if said := says(t, nil, "incidents", "--socket", serving(t)); !strings.Contains(said, "INC-1") || len(keys) != 0 {
		t.Errorf("asked elsewhere %d times: %s", len(keys), said)
	}
	if said := says(t, nil, "incidents", "--socket", "s", "--server", url); !strings.Contains(said, "are two servers; keep one of them") || !strings.HasSuffix(said, "--- exit 2\n") {
		t.Error(said)
	}
}

func TestATokenInTheClearIsWarnedOf(t *testing.T) {
	t.Parallel()
	for server, want := range map[string]bool{
		"http://pointsman.example:9096": true,
		"http://192.0.2.7":              true,
		"HTTP://pointsman.example":      true,
		"https://pointsman.example":     false,
		"http://127.0.0.1:9096":         false,
		"http://[::1]:9096":             false,
		"http://localhost:9096":         false,
	} {
		if got := readable(server); got != want {
			t.Errorf("%s: %v, want %v", server, got, want)
		}
	}
}
