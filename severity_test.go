package pointsman

import "testing"

func TestASeverityThatIsNotKnownIsNotTheLeast(t *testing.T) {
	t.Parallel()
	for _, unknown := range []string{"p1", "SEV1", "fatal", "disaster"} {
		for _, less := range []string{"", "none", "info", "warning", "error", "page"} {
			if !Worse(unknown, less) || Worse(less, unknown) {
				t.Errorf("%q counts less than %q", unknown, less)
			}
		}
		if Worse(unknown, "critical") || Worse("critical", unknown) {
			t.Errorf("%q and critical take each other's place", unknown)
		}
	}
	if Worse("Warning", "warning") || !Worse("Critical", "warning") {
		t.Error("the case of a word counts")
	}
	s := begin(t)
	first, joins := webhook(primaryDown("f1", night, AlertFiring)), webhook(primaryDown("f2", night, AlertFiring))
	first.Severity, joins.Severity = "warning", "p1"
	s.do(first)
	s.do(joins)
	if got := s.state.Incident.Severity; got != "p1" {
		t.Errorf("a P1 that joins leaves the incident %s", got)
	}
}
