package bot

import (
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
)

// engaging is what a kill switch of two hosts is engaged with by hand.
const engaging = `PGTZ=UTC PGOPTIONS= psql -Xw -v ON_ERROR_STOP=1 -h db-1.internal,db-2.internal -p 5432,5432 -d 'dbname=app connect_timeout=5 target_session_attrs=read-write hostaddr=' ` +
	`-c 'UPDATE "kill_switch_state" SET engaged = true, reason = '\''INC-7: by hand'\'', updated_at = GREATEST(pg_catalog.clock_timestamp(), updated_at OPERATOR(pg_catalog.+) interval '\''1 microsecond'\'') WHERE id OPERATOR(pg_catalog.=) 1 AND engaged IS NOT TRUE' ` +
	`-c 'INSERT INTO "kill_switch_state" (id, engaged, reason, updated_at) SELECT 1, true, '\''INC-7: by hand'\'', pg_catalog.clock_timestamp() WHERE NOT EXISTS (SELECT 1 FROM "kill_switch_state" WHERE id OPERATOR(pg_catalog.=) 1)' ` +
	`-c 'SELECT engaged, reason, updated_at, pg_catalog.pg_is_in_recovery() AS standby FROM "kill_switch_state" WHERE id OPERATOR(pg_catalog.=) 1'`

// What is pasted at night with a database behind it must be what the plan says, to the last character: a part of a command
// may be a valid one, and a script whose lines are joined may do nothing and end well.
func TestACommandIsShownAsItIsOrNotAtAll(t *testing.T) {
	t.Parallel()
	const not = "_Slack would cut or change the command: `pointsman incidents INC-7` prints it_"
	for name, c := range map[string]struct{ cmd, want string }{
		"one line":           {"psql -c 'SELECT 1 < 2'", "`psql -c 'SELECT 1 &lt; 2'`"},
		"a long one":         {engaging, "`" + engaging + "`"},
		"several lines":      {"sh -c 'set -e\nsystemctl stop app\nrm /run/lock'", "```\nsh -c 'set -e\nsystemctl stop app\nrm /run/lock'\n```"},
		"blanks that count":  {"grep 'a  b' log", "```\ngrep 'a  b' log\n```"},
		"a backquote":        {"kill `cat pid`", "```\nkill `cat pid`\n```"},
		"a fence of its own": {"cat <<'E'\n```\nE", not},
		"a tab":              {"printf 'a\tb'", not},
		"an escape":          {"printf '\x1b[2J'", not},
		"too long":           {"echo " + strings.Repeat("x", maxCommand), not},
	} {
		if got := command(c.cmd, printed("INC-7")); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestCardAndPlanShowTheSameExactCommand(t *testing.T) {
	t.Parallel()
	script := "sh -c 'set -e\nsystemctl stop app\nrm /run/lock'"
	left := RunView{ID: "INC-7/R1", Past: true, Left: []pointsman.Left{{N: 1, Step: "engage", State: pointsman.StepPending, Commands: []string{engaging, script}}}}
	p := proposalOf(t, func(p *pointsman.Plan) { p.Steps[0].ByHand = []string{engaging, script} })
	for name, text := range map[string]string{"card": textOf(fits[0].left(left)), "plan": textOf(wholePlan(p, ""))} {
		for _, cmd := range []string{engaging, script} {
			quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(cmd)
			if !strings.Contains(text, quoted) {
				t.Errorf("the %s does not show %s:\n%s", name, cmd, text)
			}
		}
	}
}
