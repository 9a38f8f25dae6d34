package lab_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman/cmd/lab"
)

// childEnv makes the test binary behave as a program that starts a server and is then killed.
const childEnv = "POINTSMAN_LAB_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	server, err := lab.StartPostgres(context.Background(), lab.PostgresOptions{})
	if err == nil {
		err = server.Freeze() // the worst case: a frozen process does not notice that its parent died
	}
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println(server.DataDir(), strings.Trim(fmt.Sprint(server.Pids()), "[]"))
	select {}
}

func TestDeath_of_the_caller_leaves_no_process_and_no_folder(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childEnv+"=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error") {
		t.Fatalf("child said %q: %v", line, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed, and says so

	fields := strings.Fields(line)
	var pids []int
	for _, field := range fields[1:] {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	mustBeGone(t, pids)
	await(t, 30*time.Second, func(context.Context) error {
		if _, err := os.Stat(fields[0]); err == nil {
			return fmt.Errorf("%s outlived its owner", fields[0])
		}
		return nil
	})
}
