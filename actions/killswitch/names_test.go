package killswitch_test

import (
	"strings"
	"testing"
)

// What fits better than the system's own may stand in public, from whoever may create there: it must not run as our role. The
// search_path stays as it is for the triggers of the table, which is the users' own.
func TestHostileOperatorsInPublicAreNeverCalled(t *testing.T) {
	t.Parallel()
	pg, s := server(t, table+released+`
		CREATE FUNCTION join_port(text, int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'hijacked as %', current_user; RETURN $1; END $$;
		CREATE OPERATOR public.|| (LEFTARG = text, RIGHTARG = int, FUNCTION = join_port);
		CREATE TABLE thrown (engaged boolean);
		GRANT INSERT ON thrown TO pointsman;
		CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO thrown VALUES (NEW.engaged); RETURN NEW; END $$;
		CREATE TRIGGER note BEFORE UPDATE ON kill_switch_state FOR EACH ROW EXECUTE FUNCTION note();`)
	w := watcher(t, s)
	if out, err := kind(t, w, "killswitch.engage").Apply(t.Context(), input("")); err != nil {
		t.Fatalf("note %q, error %v", out.Note, err)
	}
	text, err := pg.Log()
	if err != nil || strings.Contains(text, "LOG:  hijacked") {
		t.Errorf("error %v; a stranger's operator ran as Pointsman's role:\n%s", err, text)
	}
	exec(t, pg, "DO $$ BEGIN IF (SELECT count(*) FROM thrown WHERE engaged) <> 1 THEN RAISE 'the trigger did not run'; END IF; END $$")
}
