package audit

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func TestHash_is_as_documented(t *testing.T) {
	t.Parallel()
	// printf 'pointsman/audit/v1\0\0\0\0\0\0\0\0\1<32 zero bytes>{}' | sha256sum
	want := "224cb5e0bf6b8fb920b48dd4db0bea6b9bec843c93f76ac12b4c40358d72a90a"
	e := Seal(Head{}, []byte("{}"))
	if got := hex.EncodeToString(e.Hash[:]); got != want || e.Seq != 1 || e.Prev != [32]byte{} {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAppend_gives_the_same_tree_for_every_batching(t *testing.T) {
	t.Parallel()
	for seed := range 30 {
		rnd := random(seed)
		b := write(t, newKey(t, "ops.example"), rnd, bodies(rnd, 1+rnd.IntN(200)))
		var f frontier
		for i, e := range b.entries {
			f.add(e.Hash)
			root, err := Root(uint64(i+1), b.tree)
			if err != nil || f.root() != root {
				t.Fatalf("log %d: root of %d entries: %v, %x and %x", seed, i+1, err, f.root(), root)
			}
		}
		if int64(len(b.tree)) != tlog.StoredHashCount(int64(len(b.entries))) {
			t.Errorf("%d tree nodes for %d entries", len(b.tree), len(b.entries))
		}
	}
}

func TestAppend_reports_a_broken_tree(t *testing.T) {
	t.Parallel()
	broken := tlog.HashReaderFunc(func([]int64) ([]tlog.Hash, error) { return nil, errors.New("no such table") })
	short := tlog.HashReaderFunc(func([]int64) ([]tlog.Hash, error) { return nil, nil })
	for _, r := range []tlog.HashReader{broken, short} {
		if _, _, err := Append(Head{Seq: 1}, [][]byte{[]byte("{}")}, r); err == nil {
			t.Error("an entry without its tree nodes must not be appended")
		}
	}
	if _, err := Nodes(0, [32]byte{}, short); err == nil {
		t.Error("there is no entry 0")
	}
}

func TestOpenCheckpoint(t *testing.T) {
	t.Parallel()
	key, other := newKey(t, "ops.example/prod"), newKey(t, "ops.example/prod")
	msg, err := key.Sign(41, [32]byte{7})
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenCheckpoint(msg, other.Public, key.Public, key.Public)
	if err != nil || got != (Checkpoint{"ops.example/prod", 41, [32]byte{7}}) {
		t.Errorf("%+v, %v", got, err)
	}
	sign := func(text string) string {
		msg, err := key.sign(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(msg)
	}
	root := tlog.Hash{7}.String()
	for _, tc := range []struct{ name, msg, key, want string }{
		{"another key", string(msg), other.Public, "no verifiable signatures"},
		{"size altered", strings.Replace(string(msg), "41", "42", 1), key.Public, "invalid signature"},
		{"no key", string(msg), "ops", "not a verifier key"},
		{"another origin", sign("other.example\n41\n" + root + "\n"), key.Public, `checkpoint of "other.example" is signed by`},
		{"extension line", sign("ops.example/prod\n41\n" + root + "\nmore\n"), key.Public, "want three lines"},
		{"size with zero in front", sign("ops.example/prod\n041\n" + root + "\n"), key.Public, "not a number of entries"},
		{"negative size", sign("ops.example/prod\n-1\n" + root + "\n"), key.Public, "not a number of entries"},
		{"huge size", sign(fmt.Sprintf("ops.example/prod\n%d\n%s\n", uint64(maxSeq)+1, root)), key.Public, "not a number of entries"},
		{"short root", sign("ops.example/prod\n41\nAAAA\n"), key.Public, "not a SHA-256"},
		{"empty", "", key.Public, "malformed note"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, err := OpenCheckpoint([]byte(tc.msg), tc.key); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

func TestKey_never_shows_its_secret(t *testing.T) {
	t.Parallel()
	secret, _, err := NewKey("ops.example")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	seed := strings.SplitN(secret, "+", 5)[4]
	_, broken := ParseKey(strings.Replace(secret, "ops", "opt", 1))
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v", key, key, key), fmt.Sprint(broken)} {
		if strings.Contains(shown, seed) {
			t.Errorf("the secret is in %q", shown)
		}
	}
	for _, name := range []string{"", "a b", "a+b"} {
		if _, _, err := NewKey(name); err == nil {
			t.Errorf("a key named %q must be refused", name)
		}
	}
}
