package lab

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
)

// minPostgres is the oldest release that the procedures are written for.
const minPostgres = 15

// postgresBin finds the folder with PostgreSQL's server programs: from PATH, else the newest of Debian's.
var postgresBin = sync.OnceValues(func() (string, error) {
	for _, folder := range postgresFolders() {
		out, err := exec.Command(filepath.Join(folder, "postgres"), "--version").Output()
		if err != nil {
			continue
		}
		match := regexp.MustCompile(`\d+`).FindString(string(out))
		if major, err := strconv.Atoi(match); err == nil && major >= minPostgres {
			return folder, nil
		}
	}
	return "", fmt.Errorf("no PostgreSQL server %d or newer in PATH or /usr/lib/postgresql: install the package postgresql",
		minPostgres)
})

// postgresFolders lists where postgres and initdb stand side by side, the preferred one first.
func postgresFolders() []string {
	var folders []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			folders = append(folders, filepath.Dir(real))
		}
	}
	debian, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err == nil {
		slices.SortFunc(debian, func(a, b string) int { return cmp.Compare(debianMajor(b), debianMajor(a)) })
		folders = append(folders, debian...)
	}
	return slices.DeleteFunc(folders, func(folder string) bool {
		_, err := os.Stat(filepath.Join(folder, "initdb"))
		return err != nil
	})
}

// debianMajor reads the release from a path such as /usr/lib/postgresql/15/bin; 0 when it holds none.
func debianMajor(folder string) int {
	major, err := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	if err != nil {
		return 0
	}
	return major
}

// alertmanagerBin finds Alertmanager, which Debian calls by another name.
var alertmanagerBin = sync.OnceValues(func() (string, error) {
	for _, name := range []string{"alertmanager", "prometheus-alertmanager"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no alertmanager in PATH: install Alertmanager 0.25 or newer (Debian package prometheus-alertmanager)")
})

// pgbouncerBin finds PgBouncer, which Debian puts where only root's PATH leads.
var pgbouncerBin = sync.OnceValues(func() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no pgbouncer in PATH: install PgBouncer 1.18 or newer (Debian package pgbouncer)")
})

// patroniBin finds Patroni.
var patroniBin = sync.OnceValues(func() (string, error) {
	path, err := exec.LookPath("patroni")
	if err != nil {
		return "", errors.New("no patroni in PATH: install Patroni 3.0 or newer with its etcd client (Debian packages patroni and python3-etcd)")
	}
	return path, nil
})

// etcdBin finds etcd.
var etcdBin = sync.OnceValues(func() (string, error) {
	path, err := exec.LookPath("etcd")
	if err != nil {
		return "", errors.New("no etcd in PATH: install etcd 3.4 or newer (Debian package etcd-server)")
	}
	return path, nil
})
