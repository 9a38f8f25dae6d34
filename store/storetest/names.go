package storetest

import (
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
)

// names: whoever repeats a request is known by its name, and whoever gives the name to another one is found out. The answer of
// the first stays where it was.
func names(t *testing.T, s *story) {
	long := "api/ana/" + strings.Repeat("x", 4000) // from outside, and longer than an index takes
	for _, name := range []string{"api/ana/K", long} {
		for range 2 {
			if same, err := s.Bind(t.Context(), name, "approve"); err != nil || !same {
				t.Fatalf("%.20s: %v %v", name, same, err)
			}
		}
		ask := pointsman.Protect{Verb: pointsman.Freeze, Reason: "the network is rebuilt", Roles: []string{"dba"}, By: ana, Once: name}
		if name == long {
			ask.Verb = pointsman.Unfreeze
		}
		s.do(ask)
		if same, err := s.Bind(t.Context(), name, "deny"); err != nil || same {
			t.Errorf("%.20s is given to another request: %v %v", name, same, err)
		}
		if res := s.do(ask); res.Answer.Code != pointsman.CodeDuplicate {
			t.Errorf("the repetition is answered %+v", res.Answer)
		}
	}
	if same, err := s.Bind(t.Context(), "api/ben/K", "deny"); err != nil || !same {
		t.Errorf("another person's K: %v %v", same, err)
	}
}
