package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// template is a cold cluster with roles and database, made once per process and copied for each server: a copy takes a
// tenth of a second, initdb and its SQL more than one.
var template = sync.OnceValues(func() (*Dir, error) {
	dir, err := newMemoryDir("template")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	if err := initCluster(ctx, filepath.Join(dir.Path, "data")); err != nil {
		return nil, errors.Join(fmt.Errorf("template: %w", err), dir.Close())
	}
	return dir, nil
})

// copyTemplate lays a copy of the template at data, which must not exist yet.
func copyTemplate(ctx context.Context, data string) error {
	dir, err := template()
	if err != nil {
		return err
	}
	return runTool(ctx, "cp", "-Rp", filepath.Join(dir.Path, "data"), data)
}

// initCluster makes a new cluster at data with all that initSQL creates, and leaves it cleanly shut down.
func initCluster(ctx context.Context, data string) error {
	bin, err := postgresBin()
	if err != nil {
		return err
	}
	err = runTool(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", Superuser, "--auth=trust", "--data-checksums",
		"--encoding=UTF8", "--no-locale", "--no-sync")
	if err != nil {
		return err
	}
	port, err := FreePort()
	if err != nil {
		return err
	}
	s := &Postgres{Name: "template", Port: port, dir: &Dir{Path: filepath.Dir(data)}}
	// Nobody connects but initSQL; a crash now would make a new template, so nothing needs to reach the disk.
	run, err := launch(data, s.logFile(), filepath.Join(bin, "postgres"), "-D", data, "-p", fmt.Sprint(port), "-F",
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
	if err != nil {
		return err
	}
	s.run = run
	err = s.createRoles(ctx)
	return errors.Join(err, s.Stop(ctx, Fast), os.Remove(s.logFile()))
}

func (s *Postgres) createRoles(ctx context.Context) error {
	first := s.DSN(Superuser, "template1")
	if err := Await(ctx, func(ctx context.Context) error { return execOn(ctx, first, "SELECT 1") }); err != nil {
		return err
	}
	for _, part := range initSQL {
		if err := execOn(ctx, s.DSN(Superuser, part.database), part.sql); err != nil {
			return fmt.Errorf("database %s: %w", part.database, err)
		}
	}
	return nil
}

// initSQL sets a cluster up as its administrator would for Pointsman. EXECUTE on a function of the system is granted
// per database, so it is granted in template1 before app is made from it. CREATE DATABASE must stand alone.
var initSQL = []struct{ database, sql string }{
	{"template1", grantSQL + `
		CREATE ROLE replicator LOGIN REPLICATION;
		CREATE ROLE app LOGIN`},
	{"template1", `CREATE DATABASE app OWNER app`},
	{"postgres", strings.ReplaceAll(grantSQL, "CREATE ROLE pointsman LOGIN;", "") + rewindSQL},
	{"app", `
		CREATE TABLE pointsman_heartbeat (id int PRIMARY KEY, at timestamptz, token text);
		GRANT SELECT, INSERT, UPDATE, DELETE ON pointsman_heartbeat TO pointsman`},
}

// grantSQL is what Pointsman's role may do: read the statistics, promote, reload, checkpoint, end other sessions; no superuser.
const grantSQL = `CREATE ROLE pointsman LOGIN;
	GRANT pg_monitor, pg_signal_backend, pg_checkpoint TO pointsman;
	GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer) TO pointsman;
	GRANT EXECUTE ON FUNCTION pg_reload_conf() TO pointsman;
	GRANT EXECUTE ON FUNCTION pg_wal_replay_resume() TO pointsman;`

// runTool runs a program to its end as the servers' user; its output is the error's text.
func runTool(ctx context.Context, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = "/"
	cmd.Env = serverEnv("/")
	cmd.SysProcAttr = ownGroup()
	cmd.SysProcAttr.Credential = serverUser()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(argv[0]), err, strings.TrimSpace(string(out)))
	}
	return nil
}
