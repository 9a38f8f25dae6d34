package audit

import (
	"testing"
)

// BenchmarkAppend is what the log costs a transaction apart from the database: one entry of 300 bytes with its nodes.
func BenchmarkAppend(b *testing.B) {
	rnd := random(1)
	body := bodies(rnd, 64)
	tree := memory{}
	var head Head
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		entries, nodes, err := Append(head, body[i%64:i%64+1], tree)
		if err != nil {
			b.Fatal(err)
		}
		head = entries[0].Head()
		for _, n := range nodes {
			tree[n.Index] = n.Hash
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkVerify judges 20,000 entries as the store reads them, as bare lines, and in exports.
func BenchmarkVerify(b *testing.B) {
	const rows = 20_000
	rnd := random(1)
	bk := write(b, newKey(b, "ops.example"), rnd, bodies(rnd, rows))
	trust := Trust{Keys: []string{bk.key.Public}, Anchors: [][]byte{bk.checkpoint(b, rows)}}
	lines, whole := bareLines(b, bk.entries), zipped(b, bk.whole(b))
	x := bk.some(b, rnd)
	x.Entries = each(bk.entries)
	part := zipped(b, x)
	for _, bm := range []struct {
		name   string
		verify func() (Report, error)
	}{
		{"entries", func() (Report, error) { return VerifyEntries(each(bk.entries), nil, trust) }},
		{"lines", func() (Report, error) { return VerifyLines(lines(), trust) }},
		{"whole_zip", func() (Report, error) { return VerifyZip(whole(), whole().Size(), trust) }},
		{"part_zip_with_proofs", func() (Report, error) { return VerifyZip(part(), part().Size(), trust) }},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if rep, err := bm.verify(); err != nil || rep.Verdict != Intact {
					b.Fatal(err, rep)
				}
			}
			b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
