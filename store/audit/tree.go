package audit

import (
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// maxSeq bounds sequence numbers so that tree positions, about twice as many, fit in an int64.
const maxSeq = 1 << 60

// Node is one stored hash of the Merkle tree: a row of the table log_tree(ix, h). A node never changes.
type Node struct {
	Index int64
	Hash  [32]byte
}

// Append seals bodies, in order, after head and returns the entries with the tree nodes they complete. The store
// writes both in the transaction that holds the head row. tree reads nodes stored before; it is asked at most once
// per entry, for at most 60 nodes.
func Append(head Head, bodies [][]byte, tree tlog.HashReader) ([]Entry, []Node, error) {
	entries := make([]Entry, 0, len(bodies))
	nodes := make([]Node, 0, 2*len(bodies))
	fresh := batch{stored: tree, nodes: map[int64]tlog.Hash{}}
	for _, body := range bodies {
		e := Seal(head, body)
		added, err := Nodes(e.Seq, e.Hash, fresh)
		if err != nil {
			return nil, nil, err
		}
		for _, n := range added {
			fresh.nodes[n.Index] = n.Hash
		}
		entries, nodes, head = append(entries, e), append(nodes, added...), e.Head()
	}
	return entries, nodes, nil
}

// Nodes returns the tree nodes that the entry seq with the given chain hash completes: its leaf, and every subtree
// that ends with it. The leaf record is the chain hash, so one root vouches for sequence, links and bodies.
func Nodes(seq uint64, hash [32]byte, tree tlog.HashReader) ([]Node, error) {
	if seq == 0 || seq > maxSeq {
		return nil, fmt.Errorf("entry %d: sequence numbers go from 1 to %d", seq, uint64(maxSeq))
	}
	n := int64(seq - 1)
	hashes, err := tlog.StoredHashesForRecordHash(n, tlog.RecordHash(hash[:]), tree)
	if err != nil {
		return nil, fmt.Errorf("tree nodes of entry %d: %w", seq, err)
	}
	nodes := make([]Node, len(hashes))
	first := tlog.StoredHashIndex(0, n)
	for i, h := range hashes {
		nodes[i] = Node{Index: first + int64(i), Hash: h}
	}
	return nodes, nil
}

// Root returns the Merkle root of the first size entries, read from stored nodes.
func Root(size uint64, tree tlog.HashReader) ([32]byte, error) {
	if size > maxSeq {
		return [32]byte{}, fmt.Errorf("tree of %d entries: limit %d", size, uint64(maxSeq))
	}
	root, err := tlog.TreeHash(int64(size), tree)
	if err != nil {
		return [32]byte{}, fmt.Errorf("root of %d entries: %w", size, err)
	}
	return root, nil
}

// batch reads the nodes of earlier entries of the same Append before they are stored.
type batch struct {
	stored tlog.HashReader
	nodes  map[int64]tlog.Hash
}

// ReadHashes implements tlog.HashReader.
func (b batch) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	var missing []int64
	var at []int
	for i, ix := range indexes {
		h, ok := b.nodes[ix]
		if !ok {
			missing, at = append(missing, ix), append(at, i)
			continue
		}
		hashes[i] = h
	}
	if len(missing) == 0 {
		return hashes, nil
	}
	got, err := b.stored.ReadHashes(missing)
	if err != nil {
		return nil, err
	}
	if len(got) != len(missing) {
		return nil, fmt.Errorf("%d of %d tree nodes found", len(got), len(missing))
	}
	for i, h := range got {
		hashes[at[i]] = h
	}
	return hashes, nil
}

// frontier computes the root of a growing log in flat memory: it keeps only the roots of the complete subtrees on the
// right edge, one for each bit set in size, the largest first.
type frontier struct {
	size  uint64
	edges []tlog.Hash
}

func (f *frontier) add(hash [32]byte) {
	h := tlog.RecordHash(hash[:])
	for range bits.TrailingZeros64(^f.size) {
		last := len(f.edges) - 1
		h = tlog.NodeHash(f.edges[last], h)
		f.edges = f.edges[:last]
	}
	f.edges = append(f.edges, h)
	f.size++
}

func (f *frontier) root() tlog.Hash {
	if f.size == 0 {
		root, _ := tlog.TreeHash(0, nil) // the empty tree reads nothing and cannot fail
		return root
	}
	last := len(f.edges) - 1
	h := f.edges[last]
	for i := last - 1; i >= 0; i-- {
		h = tlog.NodeHash(f.edges[i], h)
	}
	return h
}
