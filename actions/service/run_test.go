package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/service"
	"github.com/pointsman/pointsman/cmd/lab"
)

func kind(t *testing.T, name string, targets ...service.Target) actions.Action {
	t.Helper()
	kinds, err := service.Kinds(targets)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		if k.Kind() == name {
			return k
		}
	}
	t.Fatalf("no kind %s", name)
	return nil
}

func input(with string) actions.Input {
	return actions.Input{
		Phase: actions.Start, Key: "INC-7/R1/1", Incident: "INC-7", Target: pointsman.Target{Kind: "service", Name: "api"},
		With: json.RawMessage(with), StepN: 1, Log: slog.New(slog.DiscardHandler),
	}
}

const restart = `{"service":"api","command":"restart"}`

// api is a service whose command restart is a shell script: the test's own, as an operator might write one.
func api(script string, env ...string) service.Target {
	return service.Target{Name: "api", Commands: map[string][]string{"restart": {"/bin/sh", "-c", script}}, Env: env}
}

// apply runs the command with a deadline.
func apply(t *testing.T, k actions.Action, limit time.Duration) (actions.Outcome, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	return k.Apply(ctx, input(restart))
}

func TestRun(t *testing.T) {
	t.Parallel()
	t.Run("success holds, and the note says what the command said", func(t *testing.T) {
		t.Parallel()
		k := kind(t, service.KindRun, api(`echo stopping; echo started >&2`))
		out, err := apply(t, k, 10*time.Second)
		if err != nil || !strings.HasPrefix(out.Note, "restart of api ended well after ") || !strings.HasSuffix(out.Note, ": stopping / started") {
			t.Fatalf("note %q, error %v", out.Note, err)
		}
		in := input(restart)
		in.Memo = out.Memo
		if ev, err := k.Verify(t.Context(), in); err != nil || !ev.Holds {
			t.Errorf("evidence %+v, error %v", ev, err)
		}
	})
	t.Run("an exit code is told and does not hold", func(t *testing.T) {
		t.Parallel()
		k := kind(t, service.KindRun, api(`echo 'Unit api.service not found.'; exit 5`))
		out, err := apply(t, k, 10*time.Second)
		if err == nil || !strings.HasPrefix(err.Error(), "restart of api ended with exit code 5 after ") || !strings.HasSuffix(err.Error(), ": Unit api.service not found.") {
			t.Fatalf("error %v", err)
		}
		in := input(restart)
		in.Memo = out.Memo
		ev, err := k.Verify(t.Context(), in)
		if err != nil || ev.Holds || ev.Facts[0].Text != "restart of api ended with exit code 5: Unit api.service not found." {
			t.Errorf("evidence %+v, error %v", ev, err)
		}
	})
	t.Run("what nobody saw end stays unknown", func(t *testing.T) {
		t.Parallel()
		k := kind(t, service.KindRun, api(`true`))
		if ev, err := k.Verify(t.Context(), input(restart)); err == nil {
			t.Errorf("evidence %+v without a memo, want an error", ev)
		}
		if ev, err := k.Check(t.Context(), input(restart)); err != nil || ev.Already {
			t.Errorf("evidence %+v, error %v: a command never counts as done already", ev, err)
		}
	})
	t.Run("a service left in the background is not waited for", func(t *testing.T) {
		t.Parallel()
		pidFile := filepath.Join(t.TempDir(), "pid")
		out, err := apply(t, kind(t, service.KindRun, api(`sleep 300 & echo $! >`+pidFile)), 20*time.Second)
		if err != nil {
			t.Errorf("note %q, error %v", out.Note, err)
		}
		pid := readPid(t, pidFile)
		if syscall.Kill(pid, 0) != nil {
			t.Error("the background process was killed")
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
	})
	t.Run("no shell: what looks like one is an argument", func(t *testing.T) {
		t.Parallel()
		k := kind(t, service.KindRun, service.Target{Name: "api", Commands: map[string][]string{"restart": {"echo", "$(id)", ";", "rm -rf /", "*"}}})
		out, err := apply(t, k, 10*time.Second)
		if err != nil || !strings.HasSuffix(out.Note, ": $(id) ; rm -rf / *") {
			t.Errorf("note %q, error %v", out.Note, err)
		}
		if text, _ := k.(actions.Describer).Describe(input(restart)); text != `run the command restart of api: echo '$(id)' ';' 'rm -rf /' '*'` {
			t.Errorf("described as %s", text)
		}
	})
	t.Run("a program that is not there refuses before and during", func(t *testing.T) {
		t.Parallel()
		k := kind(t, service.KindRun, service.Target{Name: "api", Commands: map[string][]string{"restart": {"/usr/bin/no-such-program"}}})
		ev, err := k.Check(t.Context(), input(restart))
		if no := pointsman.Refusals(ev.Facts); err != nil || len(no) != 1 || no[0].Text != "the program /usr/bin/no-such-program of restart of api cannot be run on this host: stat /usr/bin/no-such-program: no such file or directory" {
			t.Errorf("evidence %+v, error %v", ev, err)
		}
		_, err = apply(t, k, time.Second)
		if _, refused := errors.AsType[*actions.RefusedError](err); !refused {
			t.Errorf("error %v, want a refusal: nothing was done", err)
		}
	})
}

// TestRunOutOfTime: a command that hangs is killed with everything it started, and its outcome is unknown.
func TestRunOutOfTime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	child, grandchild := filepath.Join(dir, "child"), filepath.Join(dir, "grandchild")
	// Both ignore SIGTERM; the grandchild keeps the output open.
	script := fmt.Sprintf(`trap '' TERM; echo $$ >%s; (trap '' TERM; sh -c 'echo $$ >%s; while :; do sleep 1; done') & echo half done; while :; do sleep 1; done`, child, grandchild)
	k := kind(t, service.KindRun, api(script))
	began := time.Now()
	out, err := apply(t, k, 5*time.Second)
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s to end a command with a limit of 5 s", took)
	}
	if err == nil || !strings.Contains(err.Error(), "because its time was over; what it did until then is not known: half done") {
		t.Errorf("error %v", err)
	}
	for _, file := range []string{child, grandchild} {
		pid := readPid(t, file)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		gone := func(context.Context) error {
			// A killed orphan may stay as a zombie where nobody collects it; it does nothing any more.
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if err == nil && !strings.Contains(string(stat), ") Z ") {
				return fmt.Errorf("process %d still lives: %s", pid, stat)
			}
			return nil
		}
		if err := lab.Await(ctx, gone); err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
	in := input(restart)
	in.Memo = out.Memo
	if ev, err := k.Verify(t.Context(), in); err == nil {
		t.Errorf("evidence %+v, want an error: what a killed command did is not known", ev)
	}
}

func readPid(t *testing.T, file string) int {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestRunKeepsSecrets(t *testing.T) {
	t.Setenv("API_ADMIN_KEY", "s3cr3t+value/42")
	t.Setenv("NOT_NAMED", "other-secret")
	k := kind(t, service.KindRun, api(`env; echo "$API_ADMIN_KEY"; printf %s "$API_ADMIN_KEY" | base64
		echo 'dsn postgres://app:hunter2@db/x password=hunter3 Authorization: Bearer hunter4'; printf '\033[31mred\033[0m\a'; exit 1`, "API_ADMIN_KEY", "NOT_SET"))
	out, err := apply(t, k, 10*time.Second)
	said := fmt.Sprint(err, out.Note, string(out.Memo))
	for _, secret := range []string{"s3cr3t", "czNjcjN0", "other-secret", "hunter", "NOT_NAMED", "HOME=", "\x1b", "\a"} {
		if strings.Contains(said, secret) {
			t.Errorf("%q shows in %q", secret, said)
		}
	}
	if !strings.Contains(said, "postgres://app:<redacted>@db/x") || !strings.HasSuffix(err.Error(), "red") {
		t.Errorf("said %q", said)
	}
}

// One in 64 tokens in base64 begins as a path does. A path that is there says what went wrong, and is no secret.
func TestRunKeepsASecretThatBeginsAsAPath(t *testing.T) {
	const token = "/aGVsbG8+d29ybGQ/9xQ=="
	home := t.TempDir()
	t.Setenv("API_KEY_OF_US", token)
	t.Setenv("API_FOLDERS", home+":/")
	k := kind(t, service.KindRun, api(`echo "$API_KEY_OF_US is not taken in $API_FOLDERS"; exit 1`, "API_KEY_OF_US", "API_FOLDERS"))
	if _, err := apply(t, k, 10*time.Second); err == nil || !strings.HasSuffix(err.Error(), "<redacted> is not taken in "+home+":/") {
		t.Errorf("said %v", err)
	}
}

func TestRunKeepsWordsApartAndDropsWhatNobodySees(t *testing.T) {
	t.Parallel()
	out, err := apply(t, kind(t, service.KindRun, api(`printf 'pool\tsize \356\200\20010'`)), 10*time.Second)
	if err != nil || !strings.HasSuffix(out.Note, ": pool size 10") {
		t.Errorf("note %q, error %v", out.Note, err)
	}
}

func TestRunGivesNoVariableThatIsNotNamed(t *testing.T) {
	t.Setenv("NOT_NAMED", "other-secret")
	out, err := apply(t, kind(t, service.KindRun, service.Target{Name: "api", Commands: map[string][]string{"restart": {"env"}}}), 10*time.Second)
	if err != nil || strings.Count(out.Note, "=") != 1 || !strings.HasSuffix(out.Note, ": POINTSMAN_KEY=INC-7/R1/1") {
		t.Errorf("note %q, error %v, want the step's key and nothing else", out.Note, err)
	}
}

func TestRunWithEndlessOutput(t *testing.T) {
	t.Parallel()
	k := kind(t, service.KindRun, api(`head -c 20000000 /dev/zero | tr '\0' 'x'; echo; echo the last word`))
	out, err := apply(t, k, 20*time.Second)
	if err != nil || !strings.HasSuffix(out.Note, ": the last word") || len(out.Memo) > 4096 {
		t.Errorf("note %.200q, memo of %d bytes, error %v", out.Note, len(out.Memo), err)
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	target := service.Target{Name: "api", Health: []service.Health{{URL: "http://127.0.0.1/health"}}, Commands: map[string][]string{"restart": {"systemctl", "restart", "api.service"}}}
	for _, c := range []struct{ kind, with, want string }{
		{service.KindRun, restart, "run the command restart of api: systemctl restart api.service"},
		{service.KindRun, `{"service":"${service}","command":"restart"}`, "run the command restart of ${service}"},
		{service.KindRun, `{"service":"api"}`, "error: command is missing: name one of the service's commands"},
		{service.KindRun, `{"service":"api","command":"rm"}`, `error: service api has no command "rm"; configured are restart`},
		{service.KindRun, `{"service":"api","command":"restart","argv":["--force"]}`, `error: arguments {"service":"api","command":"restart","argv":["--force"]}: json: unknown field "argv"`},
		{service.KindRun, `{"service":"web","command":"restart"}`, `error: there is no service "web"; configured are api`},
		{service.KindCheck, `{"service":"api"}`, "verify that api is healthy at 1 address(es), 3 times in a row"},
		{service.KindCheck, `{"service":"${service}","consecutive":5}`, "verify that ${service} is healthy, 5 times in a row"},
		{service.KindCheck, `{"service":"api","consecutive":11}`, "error: consecutive is 11, possible are 1 to 10"},
		{service.KindCheck, `{"service":"api","every":"1s"}`, "error: 3 rounds every 1s take 2s, at most 1.5s fit into one look"},
		{service.KindCheck, `{"url":"http://evil"}`, `error: arguments {"url":"http://evil"}: json: unknown field "url"`},
	} {
		in := actions.Input{With: json.RawMessage(c.with)}
		got, err := kind(t, c.kind, target).(actions.Describer).Describe(in)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != c.want {
			t.Errorf("%s %s: %s, want %s", c.kind, c.with, got, c.want)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	c := service.Config{
		{Name: "api", Health: []service.Health{{URL: "ftp://x"}, {URL: "http://u:pw@h/x", Status: 42}}, Commands: map[string][]string{"stop": {}, "go": {" "}}},
		{Name: "api", Env: []string{"A=B"}},
	}
	var got []string
	for _, f := range c.Validate() {
		got = append(got, f.Error())
	}
	want := []string{
		"[0].health[0].url: no URL such as http://127.0.0.1:8000/health",
		"[0].health[1].status: 42 is no HTTP status",
		"[0].commands.go: is empty; write the program and its arguments as a list: [systemctl, restart, api.service]",
		"[0].commands.stop: is empty; write the program and its arguments as a list: [systemctl, restart, api.service]",
		`[1].name: "api" is configured twice`,
		`[1].env[0]: "A=B" is no name of an environment variable`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
