package audit

import (
	"bytes"
	"io"
	"testing"
)

// FuzzVerify feeds arbitrary bytes to every reader. Nothing may panic, and a file is called intact only when it says
// the same as the file that was written.
func FuzzVerify(f *testing.F) {
	rnd := random(1)
	b := write(f, newKey(f, "ops.example"), rnd, bodies(rnd, 9))
	for _, r := range []io.Reader{zipped(f, b.whole(f))(), zipped(f, b.some(f, rnd, 3))(), bareLines(f, b.entries)()} {
		raw, err := io.ReadAll(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	for _, file := range unzipped(f, b.some(f, rnd, 3)) {
		f.Add(file.Data)
	}
	anchor := b.checkpoint(f, len(b.entries))
	trust := Trust{Keys: []string{b.key.Public}, Anchors: [][]byte{anchor}}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, tr := range []Trust{{}, trust, {Anchors: [][]byte{data}}} {
			_, _ = VerifyZip(bytes.NewReader(data), int64(len(data)), tr)
			rep, _ := VerifyLines(bytes.NewReader(data), tr)
			if rep.Verdict == Intact && len(tr.Keys) > 0 && rep.Entries == uint64(len(b.entries)) {
				want := bareLines(t, b.entries)()
				raw, _ := io.ReadAll(want)
				if !bytes.Equal(bytes.TrimSuffix(raw, []byte("\n")), bytes.TrimSuffix(data, []byte("\n"))) {
					t.Errorf("called intact: %q", data)
				}
			}
		}
		_, _ = OpenCheckpoint(data, b.key.Public)
		_, _ = parseManifest(string(data))
		if r, err := parseRow(data); err == nil {
			again, err := appendRow(nil, r)
			if err != nil || !bytes.Equal(bytes.TrimSuffix(again, []byte("\n")), data) {
				t.Errorf("%q has another spelling: %q, %v", data, again, err)
			}
		}
	})
}
