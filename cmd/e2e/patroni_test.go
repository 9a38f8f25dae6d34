package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pointsman/pointsman/cmd/lab"
)

// TestPatroni lets a person ask for a switchover of a real cluster, and another one approve it. The write that proves it goes
// through the address of the clients.
func TestPatroni(t *testing.T) {
	t.Parallel()
	p, err := lab.StartPatroni(t.Context(), lab.PatroniOptions{Hasty: true, InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	var members []string
	for _, m := range p.Members {
		members = append(members, fmt.Sprintf("{name: %s, url: %q}", m.Name, m.URL()))
	}
	s := open(t, setting{patroni: fmt.Sprintf(
		`{name: ledger, environment: test, match: ['cluster="ledger"'], scope: %s, members: [%s], username: %s, password: %s, clients: {dsn: %q}, read_timeout: 20s}`,
		p.Scope, strings.Join(members, ", "), lab.PatroniUser, lab.PatroniPassword, p.ClientDSN(lab.Pointsman),
	)})
	s.room.Slash("U0ANA", "/pointsman", "run patroni-switchover ledger the machine of pg-1 gets more memory")
	card := s.room.WaitMessage("patroni/ledger").WaitText("Patroni switchover", "from pg-1 to pg-2", "needs 1 of dba")
	s.refused(card, "U0CHI", "Chi Nguyen has none of the roles that decide here; it needs 1 of dba")
	card.Now().Click(t.Context(), "U0BEN", "Approve")
	st := s.state("INC-1", "is carried out", ranDone)
	for i, want := range []string{"", "Patroni answered after", "a write through the clients' address arrived on timeline"} {
		if note := st.Runs[0].Steps[i].Note; !strings.Contains(note, want) {
			t.Errorf("step %d says %q, want %q", i+1, note, want)
		}
	}
	if leader, err := p.Leader(t.Context()); err != nil || leader.Name != "pg-2" {
		t.Errorf("the leader is %v, error %v", leader, err)
	}
}
