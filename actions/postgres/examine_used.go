package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pointsman/pointsman"
)

// judgeUsed looks at rights that only some kinds need, where a runbook uses such a kind or the fence names such a rung.
func (e *examination) judgeUsed(cluster Cluster, r rights, used map[string]string) {
	checkpoint := "GRANT pg_checkpoint TO " + r.role
	if !r.grantsCheckpoint {
		checkpoint = "before PostgreSQL 15 there is no such grant: after a failover, CHECKPOINT as a superuser, or wait for the server's own"
	}
	for _, need := range []struct {
		kind  string
		level pointsman.GuardKind
		what  string
		has   bool
		why   string
		grant string
	}{
		{"postgres.checkpoint", pointsman.Warn, "role may checkpoint", r.checkpoint, "without it pg_rewind finds no divergence for up to checkpoint_timeout", checkpoint},
		{"postgres.rejoin", pointsman.Warn, "role may checkpoint", r.checkpoint, "without it a former primary waits up to checkpoint_timeout for its way back", checkpoint},
		{"postgres.terminate", pointsman.Hard, "role may end sessions", r.signal, "the step would be refused", "GRANT pg_signal_backend TO " + r.role},
		{
			"postgres.lag", pointsman.Hard, "role may resume replay", r.replay, "a standby that was paused stays behind",
			"GRANT EXECUTE ON FUNCTION pg_wal_replay_resume() TO " + r.role + ", in the database of the DSN",
		},
	} {
		by := used[need.kind]
		if by == "" || need.has || e.said(need.what) {
			continue // what is there needs no line of its own in a list that is read at one go
		}
		e.say(need.level, need.what, false, fmt.Sprintf("%s, which the runbook %s uses, needs it: %s", need.kind, by, need.why), need.grant)
	}
	if slices.Contains(cluster.Fence.Ladder, rungRevoke) && !r.recovery {
		e.judgeRevoke(r)
	}
}

// judgeRevoke looks at the rung only where the configuration asks for it by name: by default it is tried, and may fail.
func (e *examination) judgeRevoke(r rights) {
	var lacks, grants []string
	if !r.mayClose {
		lacks, grants = append(lacks, "may not connect to the database "+maintenance), append(grants, "GRANT CONNECT ON DATABASE "+maintenance+" TO "+r.role)
	}
	if !r.owner {
		lacks, grants = append(lacks, "does not own all databases"), append(grants, "GRANT the owner of each database TO "+r.role)
	}
	if !r.signal {
		lacks, grants = append(lacks, "may not end sessions"), append(grants, "GRANT pg_signal_backend TO "+r.role)
	}
	if len(lacks) > 0 {
		e.say(pointsman.Hard, "role may close databases", false, "fence.ladder names revoke, and the role "+strings.Join(lacks, ", "),
			strings.Join(grants, "; ")+"; or take revoke out of fence.ladder")
	}
}

func (e *examination) said(what string) bool {
	return slices.ContainsFunc(e.facts, func(f pointsman.Fact) bool { return strings.HasSuffix(f.Name, " "+what) })
}

// examineFence: whether the hooks can be run is looked at with all other commands.
func (c Cluster) examineFence() []pointsman.Fact {
	e := examination{cluster: c.Name}
	if len(c.Fence.Command) == 0 {
		e.say(pointsman.Warn, "fence", false, "no stop hook is configured, so an old primary that cannot be reached cannot be fenced", "set fence.command")
	}
	return e.facts
}
