package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pointsman/pointsman"
)

// slotName is the slot that the shipped node hook makes for a standby on its primary: PostgreSQL allows only these letters.
func slotName(node string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, node)
}

// idleSlotsSQL are the physical slots that hold WAL for somebody who does not stream.
const idleSlotsSQL = `ARRAY(SELECT slot_name::text FROM pg_replication_slots
	WHERE slot_type = 'physical' AND NOT active AND NOT temporary AND restart_lsn IS NOT NULL ORDER BY slot_name)`

// idleSlots tells of a standby that holds WAL for nobody. As a rule the slot is from its time as the primary, and whoever it
// was for follows the new one: nobody will ever read it, and the standby's disk fills up.
func idleSlots(standby string, slots []string) (text, clears string) {
	if len(slots) == 0 {
		return "", ""
	}
	var drops []string
	for _, name := range slots {
		drops = append(drops, fmt.Sprintf("SELECT pg_drop_replication_slot('%s')", name)) // a slot's name is a-z, 0-9 and _
	}
	return fmt.Sprintf("%s is a standby and keeps WAL for %s that nobody reads, until its disk is full: %s", standby, pointsman.Count(len(slots), "slot"), strings.Join(slots, ", ")),
		fmt.Sprintf("on %s, unless a standby is to follow it: %s", standby, strings.Join(drops, "; "))
}

// slotsLeft says it of a node that was made a standby.
func (s Situation) slotsLeft(node string) []pointsman.Fact {
	r := s.reading(node)
	text, clears := idleSlots(node, r.Keeping.Idle)
	if text == "" || r.State != Standby {
		return nil
	}
	return []pointsman.Fact{{
		Guard: "G11", Kind: pointsman.Warn, Name: "slots of " + node, Value: strings.Join(r.Keeping.Idle, ", "), Limit: "none that nobody reads",
		Source: node + ": pg_replication_slots", At: r.At, Result: pointsman.Fail, Text: text, Clears: clears,
	}}
}

// settled are the other standbys that follow the primary by now: a slot that the node has for one of them is a remnant. A name
// that a shell would take apart is left out.
func (j rejoining) settled() []string {
	var out []string
	for _, n := range j.Cluster.Nodes {
		if n.Name == j.node || strings.ContainsAny(n.Name, " \t\n*?[\\") {
			continue
		}
		follows := func(f follower) bool { return j.is(f, n.Name) && f.State != "backup" }
		if slices.ContainsFunc(j.followers, follows) {
			out = append(out, n.Name)
		}
	}
	return out
}
