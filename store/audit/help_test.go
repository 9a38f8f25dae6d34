package audit

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// memory is the table log_tree.
type memory map[int64]tlog.Hash

func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, ix := range indexes {
		h, ok := m[ix]
		if !ok {
			return nil, fmt.Errorf("no tree node %d", ix)
		}
		hashes[i] = h
	}
	return hashes, nil
}

// book is a log with its tree and key, as a store would hold it.
type book struct {
	key     Key
	tree    memory
	entries []Entry
}

func newKey(tb testing.TB, name string) Key {
	tb.Helper()
	secret, public, err := NewKey(name)
	if err != nil {
		tb.Fatal(err)
	}
	key, err := ParseKey(secret + "\n")
	if err != nil {
		tb.Fatal(err)
	}
	if key.Public != public {
		tb.Fatalf("the secret key gives public key %s, NewKey said %s", key.Public, public)
	}
	return key
}

// write appends bodies in batches of random size.
func write(tb testing.TB, key Key, rnd *rand.Rand, bodies [][]byte) *book {
	tb.Helper()
	b := &book{key: key, tree: memory{}}
	for len(bodies) > 0 {
		n := 1 + rnd.IntN(min(len(bodies), 7))
		b.append(tb, bodies[:n]...)
		bodies = bodies[n:]
	}
	return b
}

func (b *book) append(tb testing.TB, bodies ...[]byte) {
	tb.Helper()
	var head Head
	if n := len(b.entries); n > 0 {
		head = b.entries[n-1].Head()
	}
	entries, nodes, err := Append(head, bodies, b.tree)
	if err != nil {
		tb.Fatal(err)
	}
	b.entries = append(b.entries, entries...)
	for _, n := range nodes {
		b.tree[n.Index] = n.Hash
	}
}

func (b *book) checkpoint(tb testing.TB, size int) []byte {
	tb.Helper()
	root, err := Root(uint64(size), b.tree)
	if err != nil {
		tb.Fatal(err)
	}
	msg, err := b.key.Sign(uint64(size), root)
	if err != nil {
		tb.Fatal(err)
	}
	return msg
}

// whole and some are exports of all entries and of the chosen ones, signed at the end of the log.
func (b *book) whole(tb testing.TB) Export {
	tb.Helper()
	return Export{Subject: "the whole log", Key: b.key, Checkpoint: b.checkpoint(tb, len(b.entries)), Entries: each(b.entries)}
}

func (b *book) some(tb testing.TB, rnd *rand.Rand, anchored ...uint64) Export {
	tb.Helper()
	var chosen []Entry
	for _, e := range b.entries {
		if rnd.IntN(3) == 0 || int(e.Seq) == len(b.entries) {
			chosen = append(chosen, e)
		}
	}
	return Export{
		Subject: "INC-1", Key: b.key, Checkpoint: b.checkpoint(tb, len(b.entries)), Entries: each(chosen),
		Tree: b.tree, Anchored: anchored,
	}
}

func each(entries []Entry) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// bodies are n bodies as events have them, with the characters that break careless encoders.
func bodies(rnd *rand.Rand, n int) [][]byte {
	texts := []string{
		`promoted \"pg-2\"`, `lag 48 MB, limit 16 MB`, `<!channel> & <b>`, "caf\u00e9 \u2028 \U0001F682", `9007199254740993`, `a\nb\\`, ``,
	}
	all := make([][]byte, n)
	for i := range all {
		all[i] = fmt.Appendf(nil, `{"at":"2026-01-02T03:%02d:%02d.%06dZ","type":"step.done","actor":"U%d","text":"%s%s"}`,
			rnd.IntN(60), rnd.IntN(60), rnd.IntN(1e6), rnd.IntN(9), texts[rnd.IntN(len(texts))], strings.Repeat("x", rnd.IntN(40)))
	}
	return all
}

func random(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 2026)) }
