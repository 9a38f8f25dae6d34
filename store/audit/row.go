package audit

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"
)

// maxRow is the longest line of rows.jsonl in bytes. It bounds the verifier's memory on a hostile file.
const maxRow = 16 << 20

// MaxBody is the longest body of an entry in bytes that surely fits into a row: a row has it as a JSON string, in which
// each of its bytes takes two at most, for it is JSON itself.
const MaxBody = 7 << 20

// row is one line of rows.jsonl. proof is nil in an export of the whole log, whose tree is computed from the rows
// themselves, and not nil (but perhaps empty) in an export of some entries.
type row struct {
	Entry
	proof tlog.RecordProof
}

// appendRow writes r in its only accepted spelling: fields in this order, no spaces, hashes in base64, body as a JSON
// string with the exact stored bytes.
func appendRow(b []byte, r row) ([]byte, error) {
	b = strconv.AppendUint(append(b, `{"seq":`...), r.Seq, 10)
	b = appendHash(append(b, `,"prev":`...), r.Prev)
	b = appendHash(append(b, `,"hash":`...), r.Hash)
	b, err := appendString(append(b, `,"body":`...), r.Body)
	if err != nil {
		return nil, fmt.Errorf("entry %d: %w", r.Seq, err)
	}
	if r.proof != nil {
		b = append(b, `,"proof":[`...)
		for i, h := range r.proof {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendHash(b, h)
		}
		b = append(b, ']')
	}
	b = append(b, "}\n"...)
	if len(b) > maxRow {
		return nil, fmt.Errorf("entry %d: a row of %d bytes, limit %d", r.Seq, len(b), maxRow)
	}
	return b, nil
}

func appendHash(b []byte, h [32]byte) []byte {
	b = base64.StdEncoding.AppendEncode(append(b, '"'), h[:])
	return append(b, '"')
}

// appendString refuses invalid UTF-8, which JSON would silently turn into U+FFFD: another body under the same hash.
func appendString(b, s []byte) ([]byte, error) {
	if !utf8.Valid(s) {
		return nil, errors.New("the body is not valid UTF-8")
	}
	buf := bytes.NewBuffer(b)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(string(s)); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// parseRow accepts exactly what appendRow writes, so a line has one meaning for every reader: no second "body" that
// another tool would prefer, no unknown field, no other letter case.
func parseRow(line []byte) (row, error) {
	var r row
	s := scanner{rest: line}
	s.literal(`{"seq":`)
	r.Seq = s.number()
	s.literal(`,"prev":`)
	r.Prev = s.hash()
	s.literal(`,"hash":`)
	r.Hash = s.hash()
	s.literal(`,"body":`)
	r.Body = s.text()
	if s.next(`,"proof":[`) {
		r.proof = tlog.RecordProof{}
		for !s.bad && !s.next(`]`) {
			if len(r.proof) > 0 {
				s.literal(`,`)
			}
			r.proof = append(r.proof, s.hash())
		}
	}
	s.literal(`}`)
	if s.bad || len(s.rest) > 0 || r.Seq == 0 || r.Seq > maxSeq || len(r.proof) > 64 {
		return row{}, explain(line)
	}
	return r, nil
}

// scanner consumes a line from the front; the first mismatch sets bad, and everything after it is ignored.
type scanner struct {
	rest []byte
	bad  bool
}

func (s *scanner) next(want string) bool {
	rest, ok := bytes.CutPrefix(s.rest, []byte(want))
	if ok {
		s.rest = rest
	}
	return ok
}

func (s *scanner) literal(want string) {
	if !s.next(want) {
		s.bad, s.rest = true, nil
	}
}

func (s *scanner) number() uint64 {
	end := 0
	for end < len(s.rest) && s.rest[end] >= '0' && s.rest[end] <= '9' {
		end++
	}
	n, err := strconv.ParseUint(string(s.rest[:end]), 10, 64)
	s.bad = s.bad || err != nil || s.rest[0] == '0'
	s.rest = s.rest[end:]
	return n
}

func (s *scanner) hash() (h tlog.Hash) {
	const quoted = 46 // 44 characters of base64 between quotes
	if len(s.rest) < quoted || s.rest[0] != '"' || s.rest[quoted-1] != '"' {
		s.bad, s.rest = true, nil
		return h
	}
	var buf [33]byte // DecodedLen(44)
	n, err := base64.StdEncoding.Strict().Decode(buf[:], s.rest[1:quoted-1])
	s.bad = s.bad || err != nil || n != len(h)
	copy(h[:], buf[:])
	s.rest = s.rest[quoted:]
	return h
}

func (s *scanner) text() []byte {
	end := 1
	for end < len(s.rest) && s.rest[end] != '"' {
		if s.rest[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(s.rest) || s.rest[0] != '"' {
		s.bad, s.rest = true, nil
		return nil
	}
	quoted := s.rest[:end+1]
	s.rest = s.rest[end+1:]
	var text string
	err := json.Unmarshal(quoted, &text)
	again, err2 := appendString(make([]byte, 0, len(quoted)+1), []byte(text))
	s.bad = s.bad || err != nil || err2 != nil || !bytes.Equal(again, quoted)
	return []byte(text)
}

// explain names the usual reasons why a line is not a row, for people; it is only called when parseRow refused.
func explain(line []byte) error {
	if !utf8.Valid(line) {
		return errors.New("not valid UTF-8")
	}
	if !json.Valid(line) {
		return errors.New("not JSON, or cut off")
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return errors.New("not a JSON object")
	}
	var keys []string
	for dec.More() {
		tok, err := dec.Token()
		key, isKey := tok.(string)
		if err != nil || !isKey {
			break
		}
		switch {
		case slices.Contains(keys, key):
			return fmt.Errorf("the field %q appears twice", key)
		case !slices.Contains([]string{"seq", "prev", "hash", "body", "proof"}, key):
			return fmt.Errorf("unknown field %q", key)
		}
		keys = append(keys, key)
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil && !errors.Is(err, io.EOF) {
			break
		}
	}
	return errors.New("not spelled as an export writes it (fields seq, prev, hash, body, proof in this order, no spaces)")
}
