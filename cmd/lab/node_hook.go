package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// NodeHook sets up a node hook for all nodes of a pair: script is one such as docs/hooks/postgres-node.sh. It returns
// the argv with {node} in it, and the folder in which the hook keeps what it saves. Both go with the pair.
func (p *Pair) NodeHook(script string) (argv []string, keep string, err error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, "", err
	}
	script, err = filepath.Abs(script)
	if err != nil {
		return nil, "", err
	}
	// Beside the data folders and not in one: what works in there counts as the server.
	folder := filepath.Join(p.Primary.dir.Path, "hook")
	keep = filepath.Join(folder, "keep")
	if err := errors.Join(os.MkdirAll(keep, 0o755), p.Primary.dir.Give(keep)); err != nil {
		return nil, "", err
	}
	for _, n := range p.Nodes() {
		conf := fmt.Sprintf(`DATA=%s
BIN=%s
KEEP=%s
ADDRESS="host=127.0.0.1 port=%d"
REPLICATION="user=replicator"
REWIND="user=rewinder"
`, n.DataDir(), bin, keep, n.Port)
		if err := os.WriteFile(filepath.Join(folder, n.Name+".conf"), []byte(conf), 0o644); err != nil { //nolint:gosec // the servers' user reads it
			return nil, "", err
		}
	}
	return []string{script, folder, "{node}"}, keep, nil
}

// rewindSQL makes the role that pg_rewind logs in with: not a superuser, see its manual page.
var rewindSQL = strings.Join([]string{
	"CREATE ROLE rewinder LOGIN",
	"ALTER ROLE rewinder SET statement_timeout = 0",
	"GRANT EXECUTE ON FUNCTION pg_ls_dir(text, boolean, boolean), pg_stat_file(text, boolean)," +
		" pg_read_binary_file(text), pg_read_binary_file(text, bigint, bigint, boolean) TO rewinder",
}, ";\n")
