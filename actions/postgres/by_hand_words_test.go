package postgres

import (
	"strings"
	"testing"
)

// A gate tells what each node said, whatever the node is called.
func TestGateTellsANameWithAPercentSign(t *testing.T) {
	t.Parallel()
	var g gate
	n := Node{Name: "pg-50%s", Address: Address{DSN: "postgres://p@pg-1/app"}}
	g.require(g.says(n, "t"))
	if line := g.only("why", command{line: "true"}); strings.Contains(line, "%!") || !strings.Contains(line, "pg-50%s") {
		t.Error(line)
	}
}
