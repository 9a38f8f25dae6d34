package killswitch

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres/dsn"
)

var (
	_ actions.Handy = engage{}
	_ actions.Handy = release{}
	_ actions.Handy = verify{}
)

// ByHand implements actions.Handy. There is no way back among it: what was engaged stays so until somebody decides to
// release it, and an aborted run is no such decision.
func (k engage) ByHand(in actions.Input) (do, undo []string) {
	s, err := k.w.of(in)
	if err != nil {
		return nil, nil
	}
	return s.psql(append(s.engaging(in), s.shown())...), nil
}

// ByHand implements actions.Handy. The row comes first, and a person puts its updated_at where the second line says so: it may
// have been engaged anew, for another reason. As it stands the line is an error to the server, so it releases nothing unread.
func (k release) ByHand(in actions.Input) (do, undo []string) {
	s, err := k.w.of(in)
	if err != nil {
		return nil, nil
	}
	do = append(s.psql(s.shown()), s.psql(fmt.Sprintf(`UPDATE %s SET engaged = false, reason = %s, %s WHERE id OPERATOR(pg_catalog.=) %d AND engaged IS TRUE AND updated_at OPERATOR(pg_catalog.=) pg_catalog.timestamptz 'UPDATED_AT'`,
		s.table(), reasonByHand(in), newer, s.ID), s.shown())...)
	return do, s.psql(append(s.engaging(in), s.shown())...)
}

// ByHand implements actions.Handy.
func (k verify) ByHand(in actions.Input) (do, undo []string) {
	a, err := k.args(in)
	if err != nil {
		return nil, nil
	}
	s, err := k.w.pick(a.Switch, in)
	if err != nil {
		return nil, nil
	}
	return s.psql(s.shown()), nil
}

// engaging are the statements of engage, the second for a row that is missing.
func (s Switch) engaging(in actions.Input) []string {
	reason := reasonByHand(in)
	return []string{
		fmt.Sprintf(`UPDATE %s SET engaged = true, reason = %s, %s WHERE id OPERATOR(pg_catalog.=) %d AND engaged IS NOT TRUE`, s.table(), reason, newer, s.ID),
		fmt.Sprintf(`INSERT INTO %s (id, engaged, reason, updated_at) SELECT %d, true, %s, pg_catalog.clock_timestamp() WHERE NOT EXISTS (SELECT 1 FROM %[1]s WHERE id OPERATOR(pg_catalog.=) %[2]d)`,
			s.table(), s.ID, reason),
	}
}

// shown reads the row, and whether a standby said so, which may miss the last write.
func (s Switch) shown() string {
	return fmt.Sprintf(`SELECT engaged, reason, updated_at, pg_catalog.pg_is_in_recovery() AS standby FROM %s WHERE id OPERATOR(pg_catalog.=) %d`, s.table(), s.ID)
}

// reasonByHand is a literal, and short: columns are, too.
func reasonByHand(in actions.Input) string {
	text := "by hand"
	if in.Incident != "" {
		text = in.Incident + ": " + text
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// psql is the line that runs the statements one after the other on the primary. Of the DSN it takes where the database is;
// who connects, and with which password, is the person's own. PGTZ because a column without time zone means UTC.
func (s Switch) psql(statements ...string) []string {
	cfg, err := s.config()
	if err != nil {
		return []string{actions.NotDone("connect to the database of kill switch %s, whose connection string could not be read for this plan, and run there: %s;", s.Name, strings.Join(statements, "; "))}
	}
	words := append([]string{"PGTZ=UTC"}, dsn.Psql(cfg, cmp.Or(cfg.Database, cfg.User), "-v", "ON_ERROR_STOP=1")...)
	for _, statement := range statements {
		words = append(words, "-c", statement)
	}
	return []string{actions.Shell(words...)}
}
