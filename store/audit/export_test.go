package audit

import (
	"archive/zip"
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files")

func bareLines(tb testing.TB, entries []Entry) func() *bytes.Reader {
	tb.Helper()
	var b bytes.Buffer
	if err := WriteLines(&b, each(entries)); err != nil {
		tb.Fatal(err)
	}
	return func() *bytes.Reader { return bytes.NewReader(b.Bytes()) }
}

func zipped(tb testing.TB, x Export) func() *bytes.Reader {
	tb.Helper()
	var b bytes.Buffer
	if err := WriteZip(&b, x); err != nil {
		tb.Fatal(err)
	}
	return func() *bytes.Reader { return bytes.NewReader(b.Bytes()) }
}

// unzipped returns the files of an export, to be tampered with.
func unzipped(tb testing.TB, x Export) fstest.MapFS {
	tb.Helper()
	r := zipped(tb, x)()
	z, err := zip.NewReader(r, r.Size())
	if err != nil {
		tb.Fatal(err)
	}
	files := fstest.MapFS{}
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			tb.Fatal(err)
		}
		raw, err := io.ReadAll(in)
		if err != nil {
			tb.Fatal(err)
		}
		files[f.Name] = &fstest.MapFile{Data: raw, Mode: 0o600}
	}
	return files
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// fixedKey gives golden files that do not change; it signs nothing outside tests.
func fixedKey(t *testing.T) Key {
	t.Helper()
	raw, err := os.ReadFile("testdata/key.secret")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey(string(raw))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestExport_reads_as_people_expect(t *testing.T) {
	t.Parallel()
	rnd := random(7)
	b := write(t, fixedKey(t), rnd, append(bodies(rnd, 9), []byte("not JSON"),
		[]byte(`{"at":1767322800,"type":"note","actor":{"id":"U1"},"text":"# a\n* \u202eb <script> [x](y) | z"}`)))
	dir := filepath.Join(t.TempDir(), "export")
	x := b.some(t, random(5), 4)
	if err := WriteDir(dir, x); err != nil {
		t.Fatal(err)
	}
	for _, name := range append([]string{manifestFile}, listed...) {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "export/"+name, string(raw))
	}
	if err := WriteDir(dir, x); err == nil {
		t.Error("a second export into the same directory must be refused")
	}
	rep, err := VerifyPath(dir, Trust{})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report_intact.txt", printed(t, rep))

	row := filepath.Join(dir, rowsFile)
	raw, err := os.ReadFile(row)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(row, bytes.Replace(raw, []byte("step.done"), []byte("step.gone"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	rep, err = VerifyPath(dir, Trust{})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report_touched.txt", printed(t, rep))
}

func printed(t *testing.T, rep Report) string {
	t.Helper()
	var b strings.Builder
	if err := rep.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestExport_is_reproducible(t *testing.T) {
	t.Parallel()
	rnd := random(7)
	b := write(t, newKey(t, "ops.example"), rnd, bodies(rnd, 30))
	x := b.some(t, random(5), 4)
	one, two := zipped(t, x)(), zipped(t, x)()
	a, _ := io.ReadAll(one)
	c, _ := io.ReadAll(two)
	if !bytes.Equal(a, c) {
		t.Error("two exports of the same entries differ")
	}
}

func TestExport_refuses_what_could_not_verify(t *testing.T) {
	t.Parallel()
	rnd := random(7)
	key := newKey(t, "ops.example")
	b := write(t, key, rnd, bodies(rnd, 12))
	touched := edit(b.entries[3])
	binary := Seal(Head{}, []byte{0xff})
	other := newKey(t, "ops.example")
	for _, tc := range []struct {
		name   string
		change func(x *Export)
		want   string
	}{
		{"no entries", func(x *Export) { x.Entries = each(nil) }, "no entries"},
		{"touched", func(x *Export) { x.Entries = each([]Entry{touched}) }, "entry 4: stored hash and body do not fit"},
		{"newer than the checkpoint", func(x *Export) { x.Checkpoint = b.checkpoint(t, 11) }, "entry 12 is newer than the checkpoint of 11"},
		{"gap", func(x *Export) { x.Tree, x.Entries = nil, each(b.entries[1:]) }, "entry 2 follows entry 0: the whole log has no gaps"},
		{"order", func(x *Export) { x.Entries = each([]Entry{b.entries[2], b.entries[1]}) }, "entry 2 comes after entry 3"},
		{"cut", func(x *Export) { x.Tree, x.Entries = nil, each(b.entries[:9]) }, "the whole log ends at entry 9, its checkpoint covers 12"},
		{"not UTF-8", func(x *Export) { x.Entries = each([]Entry{binary}) }, "entry 1: the body is not valid UTF-8"},
		{"key of somebody else", func(x *Export) { x.Key = other }, "export of INC-1: checkpoint: note has no verifiable signatures"},
		{"subject with a second line", func(x *Export) { x.Subject = "INC-1\nentries 1-9" }, "must be one printable line"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := b.some(t, random(5))
			x.Entries = each(b.entries)
			tc.change(&x)
			if err := WriteZip(io.Discard, x); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

func TestTimelineLine_names_who_did_it(t *testing.T) {
	t.Parallel()
	for actor, want := range map[string]string{
		`{"door":"slack","person":{"id":"ana","name":"Ana Ruiz","roles":["dba"]},"ref":"T1/U2"}`: "- Ana Ruiz (slack T1/U2): approved (entry 7)",
		`{"door":"cli","person":{"id":"ana"},"ref":"uid 0"}`:                                     "- ana (cli uid 0): approved (entry 7)",
		`{"door":"engine"}`:                                                         "- engine: approved (entry 7)",
		`{"door":"slack","ref":"T1/U9"}`:                                            "- slack T1/U9: approved (entry 7)",
		`{"door":"slack","person":{"name":"<b>\n# Eve"}}`:                           `- \<b\> \# Eve (slack): approved (entry 7)`,
		`{"door":"slack","person":{"id":"eve"},"ref":"T1/U9","on behalf of":"ben"}`: `- {"door":"slack","on behalf of":"ben","person":{"id":"eve"},"ref":"T1/U9"}: approved (entry 7)`,
	} {
		if got := TimelineLine(Entry{Seq: 7, Body: []byte(`{"actor":` + actor + `,"text":"approved"}`)}); got != want {
			t.Errorf("%s reads\n%s, want\n%s", actor, got, want)
		}
	}
}
