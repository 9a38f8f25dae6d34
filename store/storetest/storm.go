package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pointsman/pointsman"
)

// manyIncidents: four senders bring the same webhook, each from another place in it on. Some incidents are open already,
// one comes in two commands, and of some there is only the end.
func manyIncidents(t *testing.T, s *story) {
	const incidents, open, ends = 700, 20, 5
	var cmds []pointsman.ReceiveAlerts
	for i := range incidents {
		name := fmt.Sprintf("db-%d", i)
		cmds = append(cmds, s.webhook(name, s.alert("a-"+name), s.alert("b-"+name)))
	}
	for i := range ends {
		over := s.alert("over")
		over.Status, over.EndsAt = pointsman.AlertResolved, s.now.now()
		cmds = slices.Insert(cmds, 100*i, s.webhook(fmt.Sprintf("over-%d", i), over))
	}
	cmds = append(cmds, s.webhook("db-0", s.alert("c-db-0")), s.webhook("db-0", s.alert("d-db-0")))
	for _, hook := range cmds[1 : 1+open] {
		s.do(hook)
	}
	atOnce(4, func(i int) {
		from := i * len(cmds) / 4
		turned := slices.Concat(cmds[from:], cmds[:from])
		answers, err := s.Receive(t.Context(), turned)
		for n := 0; n < 20 && busy(err); n++ { // it is answered 503, and Alertmanager sends it again
			t.Logf("sent again: %v", err)
			answers, err = s.Receive(t.Context(), turned)
		}
		if err != nil || len(answers) != len(turned) {
			t.Errorf("%d answers to %d commands: %v", len(answers), len(turned), err)
		}
		for i, ans := range answers {
			if !ans.OK() || ans.ID == "" != strings.Contains(turned[i].Key, "over-") {
				t.Errorf("%s: %+v", turned[i].Key, ans)
			}
		}
	})
	var want, got []string
	for i := range incidents {
		want = append(want, fmt.Sprintf("INC-%d", i+1))
	}
	keys := map[string]bool{}
	for _, inc := range must(s.Incidents(t.Context(), true, 2*incidents))(t) {
		alerts := 2
		if inc.Key == cmds[len(cmds)-1].Key {
			alerts = 4
		}
		if keys[inc.Key] = true; inc.Firing != alerts || inc.Total != alerts || len(s.events(inc.ID)) != 1+alerts+1 {
			t.Errorf("%s has %d of %d alerts firing, want %d, and tells %d events", inc.ID, inc.Firing, inc.Total, alerts, len(s.events(inc.ID)))
		}
		got = append(got, inc.ID)
	}
	slices.Sort(want)
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" || len(keys) != incidents {
		t.Errorf("%d keys, want %d; numbers %s", len(keys), incidents, d)
	}
	s.intact()
}

// busy reports whether a row was locked for longer than a webhook waits, as it is where a slow disk or another process stops its owner.
func busy(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "55P03"
}

func othersOfNewer(t *testing.T, s *story) {
	s.do(s.webhook("newer", s.alert("first")))
	if err := s.sql(`UPDATE incidents SET doc = '{"invented": true, ' || substr(doc, 2)`); err != nil {
		t.Fatal(err)
	}
	hooks := []pointsman.ReceiveAlerts{s.webhook("a", s.alert("x")), s.webhook("newer", s.alert("second")), s.webhook("b", s.alert("x"))}
	_, err := s.Receive(t.Context(), hooks)
	if err == nil || !strings.Contains(err.Error(), `incident target:postgres/newer`) || !strings.Contains(err.Error(), "written by a newer pointsman") {
		t.Errorf("the sender must send it again: %v", err)
	}
	var got []string
	for _, inc := range must(s.Incidents(t.Context(), true, 10))(t) {
		got = append(got, fmt.Sprintf("%s %d", inc.Key, inc.Firing))
	}
	slices.Sort(got)
	if d := cmp.Diff([]string{"target:postgres/a 1", "target:postgres/b 1", "target:postgres/newer 1"}, got); d != "" {
		t.Error(d)
	}
	s.intact()
}
