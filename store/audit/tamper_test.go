package audit

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// forged is what somebody with access to the database left behind.
type forged struct {
	entries     []Entry
	checkpoints [][]byte
}

// rechain seals bodies anew from entry i on, as a careful forger does.
func rechain(entries []Entry, i int) []Entry {
	var head Head
	if i > 0 {
		head = entries[i-1].Head()
	}
	for ; i < len(entries); i++ {
		entries[i] = Seal(head, entries[i].Body)
		head = entries[i].Head()
	}
	return entries
}

func edit(e Entry) Entry {
	e.Body = append(slices.Clone(e.Body), ' ')
	return e
}

// resign signs a forged log at the sizes at which the real one was signed.
func resign(tb testing.TB, key Key, entries []Entry) forged {
	b := &book{key: key, tree: memory{}}
	for _, e := range entries {
		b.append(tb, e.Body)
	}
	f := forged{entries: b.entries}
	for size := 10; size < len(entries); size += 10 {
		f.checkpoints = append(f.checkpoints, b.checkpoint(tb, size))
	}
	f.checkpoints = append(f.checkpoints, b.checkpoint(tb, len(entries)))
	return f
}

// tampering changes a log; i is a position before the last anchor with at least two entries behind it. The three
// answers are what the bare chain, the stored checkpoints, and an outside anchor must say.
type tampering struct {
	name   string
	change func(tb testing.TB, f forged, i int, key Key) forged
	chain  Verdict
	signed Verdict
	anchor Verdict
}

func rows(change func(es []Entry, i int) []Entry) func(testing.TB, forged, int, Key) forged {
	return func(_ testing.TB, f forged, i int, _ Key) forged {
		f.entries = change(slices.Clone(f.entries), i)
		return f
	}
}

func tamperings() []tampering {
	swap := func(es []Entry, i int) []Entry { es[i], es[i+1] = es[i+1], es[i]; return es }
	del := func(es []Entry, i int) []Entry { return slices.Delete(es, i, i+1) }
	change := func(es []Entry, i int) []Entry { es[i] = edit(es[i]); return es }
	return []tampering{
		{"edit", rows(change), Touched, Touched, Touched},
		{"edit and its own hash", rows(func(es []Entry, i int) []Entry {
			e := edit(es[i])
			e.Hash = Hash(e.Seq, e.Prev, e.Body)
			es[i] = e
			return es
		}), Touched, Touched, Touched},
		{"delete in the middle", rows(del), Touched, Touched, Touched},
		{"swap neighbours", rows(swap), Touched, Touched, Touched},
		{"edit and re-chain", rows(func(es []Entry, i int) []Entry { return rechain(change(es, i), i) }), Intact, Touched, Touched},
		{"delete and re-chain", rows(func(es []Entry, i int) []Entry { return rechain(del(es, i), i) }), Intact, Touched, Touched},
		{"swap and re-chain", rows(func(es []Entry, i int) []Entry { return rechain(swap(es, i), i) }), Intact, Touched, Touched},
		{"insert forged and re-chain", rows(func(es []Entry, i int) []Entry {
			return rechain(slices.Insert(es, i, Entry{Body: []byte(`{"type":"approval.accept"}`)}), i)
		}), Intact, Touched, Touched},
		{"cut tail, rows only", rows(func(es []Entry, i int) []Entry { return es[:i] }), Intact, Touched, Touched},
		{"cut tail with its checkpoints", func(tb testing.TB, f forged, i int, _ Key) forged {
			f.entries = f.entries[:i]
			f.checkpoints = f.checkpoints[:i/10]
			return f
		}, Intact, Intact, Touched},
		{"empty the log", func(testing.TB, forged, int, Key) forged { return forged{} }, Unknown, Unknown, Touched},
		{"restore an old backup and go on", func(tb testing.TB, f forged, i int, key Key) forged {
			es := slices.Clone(f.entries)
			for j := i; j < len(es); j++ {
				es[j] = edit(es[j])
			}
			return resign(tb, key, es)
		}, Intact, Intact, Touched},
		{"rewrite all, another key", func(tb testing.TB, f forged, i int, _ Key) forged {
			return resign(tb, newKey(tb, "ops.example/prod"), change(slices.Clone(f.entries), i))
		}, Intact, Touched, Touched},
		{"rewrite all, stolen key", func(tb testing.TB, f forged, i int, key Key) forged {
			return resign(tb, key, change(slices.Clone(f.entries), i))
		}, Intact, Intact, Touched},
	}
}

func TestVerifyEntries_detects_the_fourteen_tamperings(t *testing.T) {
	t.Parallel()
	tries := 100
	if os.Getenv("POINTSMAN_SOAK") != "" {
		tries = 1000
	}
	key := newKey(t, "ops.example/prod")
	for _, tc := range tamperings() {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for try := range tries {
				rnd := random(try)
				honest := resign(t, key, write(t, key, rnd, bodies(rnd, 30+rnd.IntN(100))).entries)
				n := len(honest.entries)
				anchor := honest.checkpoints[len(honest.checkpoints)-1]
				f := tc.change(t, honest, 1+rnd.IntN(n-4), key)
				trust := Trust{Keys: []string{key.Public}}
				anchored := Trust{Keys: trust.Keys, Anchors: [][]byte{anchor}}
				for _, level := range []struct {
					name        string
					checkpoints [][]byte
					trust       Trust
					want        Verdict
				}{
					{"chain", nil, Trust{}, tc.chain},
					{"checkpoints", f.checkpoints, trust, tc.signed},
					{"anchor", f.checkpoints, anchored, tc.anchor},
				} {
					got, err := VerifyEntries(each(f.entries), level.checkpoints, level.trust)
					if err != nil {
						t.Fatal(err)
					}
					if got.Verdict != level.want {
						t.Fatalf("log %d of %d entries, %s: %v, want %v\n%+v", try, n, level.name, got.Verdict, level.want, got)
					}
				}
			}
		})
	}
}

func TestVerifyEntries_cannot_see_what_nobody_anchored(t *testing.T) {
	t.Parallel()
	key := newKey(t, "ops.example/prod")
	rnd := random(1)
	honest := write(t, key, rnd, bodies(rnd, 50))
	anchor := honest.checkpoint(t, 40)
	es := slices.Clone(honest.entries)
	es[45] = edit(es[45])
	f := resign(t, key, es)
	got, err := VerifyEntries(each(f.entries), f.checkpoints, Trust{Keys: []string{key.Public}, Anchors: [][]byte{anchor}})
	if err != nil {
		t.Fatal(err)
	}
	want := "after the newest anchor (40 entries) a cut tail and a rewrite by a holder of the signing key cannot be excluded"
	if got.Verdict != Intact || !slices.Contains(got.Lacks, want) {
		t.Errorf("a rewrite behind the anchor cannot be seen, and the report must say so: %+v", got)
	}
}

func TestVerifyEntries_names_the_first_touched_entry(t *testing.T) {
	t.Parallel()
	forgedBody := []byte(`{"type":"approval.accept"}`)
	for _, tc := range []struct {
		name   string
		change func(es []Entry) []Entry
		seq    uint64
		kind   FaultKind
	}{
		{"body altered", func(es []Entry) []Entry { es[6] = edit(es[6]); return es }, 7, BodyAltered},
		{"hash altered", func(es []Entry) []Entry { es[6].Hash[3] ^= 1; return es }, 7, HashAltered},
		{"prev altered", func(es []Entry) []Entry { es[6].Prev[3] ^= 1; return es }, 7, EntryAltered},
		{"last body altered", func(es []Entry) []Entry { es[19] = edit(es[19]); return es }, 20, EntryAltered},
		{"body altered with its hash", func(es []Entry) []Entry { es[6] = Seal(es[5].Head(), forgedBody); return es }, 7, Rewritten},
		{"first body altered with its hash", func(es []Entry) []Entry { es[0] = Seal(Head{}, forgedBody); return es }, 1, Rewritten},
		{"missing between 7 and 9", func(es []Entry) []Entry { return slices.Delete(es, 7, 8) }, 8, Missing},
		{"first three missing", func(es []Entry) []Entry { return es[3:] }, 1, Missing},
		{"swapped", func(es []Entry) []Entry { es[6], es[7] = es[7], es[6]; return es }, 7, Swapped},
		{"moved back", func(es []Entry) []Entry { return append(slices.Delete(slices.Clone(es), 3, 4), es[3]) }, 4, Missing},
		{"duplicated", func(es []Entry) []Entry { return slices.Insert(es, 7, es[6]) }, 7, Duplicated},
		{"old entry repeated", func(es []Entry) []Entry { return append(es, es[4]) }, 5, Swapped},
		{"inserted with a number in use", func(es []Entry) []Entry { return slices.Insert(es, 6, Seal(es[5].Head(), forgedBody)) }, 7, Inserted},
		{"inserted and renumbered", func(es []Entry) []Entry {
			es = slices.Insert(es, 6, Seal(es[5].Head(), forgedBody))
			for i := range es {
				es[i].Seq = uint64(i + 1)
			}
			return es
		}, 7, Inserted},
		{"deleted and renumbered", func(es []Entry) []Entry {
			es = slices.Delete(es, 6, 7)
			for i := range es {
				es[i].Seq = uint64(i + 1)
			}
			return es
		}, 7, Missing},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			rnd := random(3)
			b := write(t, newKey(t, "ops.example"), rnd, bodies(rnd, 20))
			got, err := VerifyEntries(each(tc.change(slices.Clone(b.entries))), nil, Trust{})
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Faults) != 1 || got.Faults[0].Seq != tc.seq || got.Faults[0].Kind != tc.kind {
				t.Errorf("want entry %d, %s; got %+v", tc.seq, tc.kind, got.Faults)
			}
		})
	}
}

func TestVerify_never_alarms_on_honest_logs(t *testing.T) {
	t.Parallel()
	key := newKey(t, "ops.example/prod")
	trust := Trust{Keys: []string{key.Public}}
	for seed := range 200 {
		rnd := random(seed)
		b := write(t, key, rnd, bodies(rnd, 1+rnd.IntN(150)))
		anchored := 1 + rnd.IntN(len(b.entries))
		trust.Anchors = [][]byte{b.checkpoint(t, anchored)}
		for how, verify := range ways(t, b, rnd, uint64(anchored)) {
			if got, err := verify(trust); err != nil || got.Verdict != Intact || got.ExitCode() != 0 {
				t.Fatalf("honest log %d of %d entries, %s: %v %+v", seed, len(b.entries), how, err, got)
			}
		}
	}
}

// ways are all the ways to verify one log.
func ways(tb testing.TB, b *book, rnd *rand.Rand, anchored uint64) map[string]func(Trust) (Report, error) {
	lines := bareLines(tb, b.entries)
	whole, some := zipped(tb, b.whole(tb)), zipped(tb, b.some(tb, rnd, anchored))
	var cps [][]byte
	for size := 1; size <= len(b.entries); size += 1 + rnd.IntN(20) {
		cps = append(cps, b.checkpoint(tb, size))
	}
	return map[string]func(Trust) (Report, error){
		"entries": func(t Trust) (Report, error) { return VerifyEntries(each(b.entries), cps, t) },
		"lines":   func(t Trust) (Report, error) { return VerifyLines(lines(), t) },
		"whole":   func(t Trust) (Report, error) { return VerifyZip(whole(), int64(whole().Len()), t) },
		"part":    func(t Trust) (Report, error) { return VerifyZip(some(), int64(some().Len()), t) },
	}
}
