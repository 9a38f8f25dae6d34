// Package audit keeps the log honest: it chains entries by hash, grows a Merkle tree over them, signs checkpoints of
// that tree, exports parts of the log with proofs, and verifies exports without database, network or clock.
//
// It works on bytes only. The store calls Append inside its transaction and Sign when a checkpoint is due; the command
// line calls WriteZip and VerifyPath. What a chain alone cannot see (a rewritten log, a cut tail) is seen by signed
// checkpoints, and what those cannot see (a stolen key, an old backup) by an anchor: a checkpoint copied outside.
package audit

import (
	"crypto/sha256"
	"encoding/binary"
)

// domain keeps these hashes apart from every other use of SHA-256 on the same bytes.
const domain = "pointsman/audit/v1\x00"

// Entry is one row of the log. Body is the exact stored bytes: nothing re-encodes them, ever, because a value that
// changes on its way through a database would make an honest log look touched.
type Entry struct {
	Seq  uint64 // 1 for the first entry, without gaps
	Prev [32]byte
	Hash [32]byte
	Body []byte
}

// Head is the end of a chain: what the next entry links to. The zero Head is the empty log, so the first entry has
// sequence number 1 and an all-zero Prev.
type Head struct {
	Seq  uint64
	Hash [32]byte
}

// Head returns the head of a log that ends with e.
func (e Entry) Head() Head { return Head{Seq: e.Seq, Hash: e.Hash} }

// Hash returns SHA-256(domain, seq as 8 bytes big-endian, prev, body). Every part before body has a fixed length, so
// no two different entries have the same input.
func Hash(seq uint64, prev [32]byte, body []byte) (sum [32]byte) {
	var fixed [len(domain) + 8 + 32]byte
	copy(fixed[:], domain)
	binary.BigEndian.PutUint64(fixed[len(domain):], seq)
	copy(fixed[len(domain)+8:], prev[:])
	h := sha256.New()
	h.Write(fixed[:])
	h.Write(body)
	h.Sum(sum[:0])
	return sum
}

// Seal returns the entry that follows head and holds body.
func Seal(head Head, body []byte) Entry {
	seq := head.Seq + 1
	return Entry{Seq: seq, Prev: head.Hash, Hash: Hash(seq, head.Hash, body), Body: body}
}
