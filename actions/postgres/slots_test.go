package postgres_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// A node that was primary has a slot for each standby. Once it is a standby itself nobody reads the slots of those that follow
// the new primary, and they would keep its WAL until the disk is full. One for somebody else is not ours to drop.
func TestRejoin_leaves_no_slot_that_keeps_WAL_for_ever(t *testing.T) {
	t.Parallel()
	w, _ := withHands(t, lab.PairOptions{Standbys: 2})
	if err := w.pair.Primary.Exec(t.Context(), "SELECT pg_create_physical_replication_slot('elsewhere', true)"); err != nil {
		t.Fatal(err)
	}
	awaitRow(t, w.pair.Primary, "SELECT string_agg(slot_name, ',' ORDER BY slot_name) = 'elsewhere,pg_2,pg_3' FROM pg_replication_slots")
	if err := w.pair.StopPrimary(t.Context(), lab.Fast); err != nil {
		t.Fatal(err)
	}
	w.promoteStandby(t)
	follow(t, w.pair.Standbys[1], fmt.Sprintf("host=127.0.0.1 port=%d user=replicator application_name=pg-3", w.pair.Standby.Port))
	awaitRow(t, w.pair.Standbys[1], "SELECT count(*) = 1 FROM pg_stat_wal_receiver WHERE status = 'streaming' AND received_tli = 2") // it stays
	_, ev := w.step(t, "postgres.rejoin", rejoinArgs)
	awaitRow(t, w.pair.Primary, "SELECT string_agg(slot_name, ',') = 'elsewhere' FROM pg_replication_slots")
	told := "pg-1 is a standby and keeps WAL for 1 slot that nobody reads, until its disk is full: elsewhere"
	drop := "on pg-1, unless a standby is to follow it: SELECT pg_drop_replication_slot('elsewhere')"
	if f := fact(t, ev, "slots of pg-1"); f.Text != told || f.Clears != drop || f.Refuses() {
		t.Errorf("fact %+v", f)
	}
	if got := w.faults(t, func(*postgres.Cluster) {}); !strings.Contains(got, "WARN postgres/orders pg-1 slots: "+told+"; "+drop) {
		t.Errorf("the doctor does not warn of it:\n%s", got)
	}
}
