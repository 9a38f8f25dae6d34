package audit

import (
	"archive/zip"
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func lineOf(fsys fstest.MapFS, n int) []byte {
	return bytes.SplitAfter(fsys[rowsFile].Data, []byte("\n"))[n]
}

func setLine(fsys fstest.MapFS, n int, lines ...[]byte) {
	all := bytes.SplitAfter(fsys[rowsFile].Data, []byte("\n"))
	fsys[rowsFile] = &fstest.MapFile{Data: bytes.Join(slices.Replace(all, n, n+1, lines...), nil)}
}

func replace(fsys fstest.MapFS, name, from, to string) {
	fsys[name] = &fstest.MapFile{Data: bytes.Replace(fsys[name].Data, []byte(from), []byte(to), 1)}
}

// reline writes row n again after a change, in its right spelling.
func reline(tb testing.TB, fsys fstest.MapFS, n int, change func(r *row)) {
	r, err := parseRow(bytes.TrimSuffix(lineOf(fsys, n), []byte("\n")))
	if err != nil {
		tb.Fatal(err)
	}
	change(&r)
	line, err := appendRow(nil, r)
	if err != nil {
		tb.Fatal(err)
	}
	setLine(fsys, n, line)
}

func TestVerifyFS_of_a_part(t *testing.T) {
	t.Parallel()
	key, other := newKey(t, "ops.example"), newKey(t, "ops.example")
	rnd := random(3)
	b := write(t, key, rnd, bodies(rnd, 40))
	pick := func(seqs ...int) []Entry {
		var es []Entry
		for _, s := range seqs {
			es = append(es, b.entries[s-1])
		}
		return es
	}
	export := func(entries []Entry) fstest.MapFS {
		x := b.some(t, rnd, 10, 20)
		x.Entries = each(entries)
		return unzipped(t, x)
	}
	incident := pick(3, 4, 7, 9, 20, 21, 33)
	forger := write(t, key, rnd, bodies(rnd, 40))
	stolen := forger.some(t, rnd, 10, 20)
	for _, tc := range []struct {
		name   string
		change func(f fstest.MapFS)
		trust  Trust
		seq    uint64
		kind   FaultKind
	}{
		{"body altered", func(f fstest.MapFS) { reline(t, f, 2, func(r *row) { r.Body[0] ^= 1 }) }, Trust{}, 7, BodyAltered},
		{"hash altered", func(f fstest.MapFS) { reline(t, f, 2, func(r *row) { r.Hash[0] ^= 1 }) }, Trust{}, 7, HashAltered},
		{"body and hash altered", func(f fstest.MapFS) {
			reline(t, f, 2, func(r *row) { r.Body[0] ^= 1; r.Hash = Hash(r.Seq, r.Prev, r.Body) })
		}, Trust{}, 7, NotSigned},
		{"proof altered", func(f fstest.MapFS) { reline(t, f, 2, func(r *row) { r.proof[1][0] ^= 1 }) }, Trust{}, 7, NotSigned},
		{"row removed", func(f fstest.MapFS) { setLine(f, 2) }, Trust{}, 7, Missing},
		{"last row removed", func(f fstest.MapFS) { setLine(f, 6) }, Trust{}, 33, Missing},
		{"all rows removed", func(f fstest.MapFS) { f[rowsFile] = &fstest.MapFile{} }, Trust{}, 1, Missing},
		{"real row of the log added", func(f fstest.MapFS) { setLine(f, 3, lineOf(export(pick(8)), 0), lineOf(f, 3)) }, Trust{}, 8, Inserted},
		{"row twice", func(f fstest.MapFS) { setLine(f, 3, lineOf(f, 3), lineOf(f, 3)) }, Trust{}, 9, Duplicated},
		{"rows swapped", func(f fstest.MapFS) { l, m := lineOf(f, 2), lineOf(f, 3); setLine(f, 2, m); setLine(f, 3, l) }, Trust{}, 7, Swapped},
		{"proof taken away", func(f fstest.MapFS) { reline(t, f, 2, func(r *row) { r.proof = nil }) }, Trust{}, 5, Malformed},
		{"body field twice", func(f fstest.MapFS) { replace(f, rowsFile, `,"body":`, `,"body":"","body":`) }, Trust{}, 1, Malformed},
		{"timeline altered", func(f fstest.MapFS) { replace(f, timelineFile, "U", "V") }, Trust{}, 0, BadFile},
		{"timeline removed", func(f fstest.MapFS) { delete(f, timelineFile) }, Trust{}, 0, BadFile},
		{"readme altered", func(f fstest.MapFS) { replace(f, readmeFile, "1", "2") }, Trust{}, 0, BadFile},
		{"checkpoint altered", func(f fstest.MapFS) { replace(f, checkpointFile, "\n40\n", "\n41\n") }, Trust{}, 0, BadCheckpoint},
		{"checkpoint removed", func(f fstest.MapFS) { delete(f, checkpointFile) }, Trust{}, 0, BadFile},
		{"manifest removed", func(f fstest.MapFS) { delete(f, manifestFile) }, Trust{}, 0, BadFile},
		{"manifest altered", func(f fstest.MapFS) { replace(f, manifestFile, "INC-1", "INC-2") }, Trust{}, 0, BadFile},
		{"manifest signed by nobody", func(f fstest.MapFS) { f[manifestFile] = f[checkpointFile] }, Trust{}, 0, BadFile},
		{"key altered", func(f fstest.MapFS) { replace(f, keyFile, "ops.example", "ops.examples") }, Trust{}, 0, BadFile},
		{"another key put in", func(f fstest.MapFS) { f[keyFile] = &fstest.MapFile{Data: []byte(other.Public + "\n")} }, Trust{}, 0, BadCheckpoint},
		{"not the key given", func(fstest.MapFS) {}, Trust{Keys: []string{other.Public}}, 0, WrongKey},
		{"anchor with another root", func(fstest.MapFS) {}, Trust{Anchors: [][]byte{forger.checkpoint(t, 40)}}, 0, BadAnchor},
		{"older anchor of another history", func(fstest.MapFS) {}, Trust{Anchors: [][]byte{forger.checkpoint(t, 20)}}, 0, BadAnchor},
		{
			"everything forged with the stolen key", func(f fstest.MapFS) { clear(f); maps.Copy(f, unzipped(t, stolen)) },
			Trust{Keys: []string{key.Public}, Anchors: [][]byte{b.checkpoint(t, 10)}},
			0, BadAnchor,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := export(incident)
			if rep, err := VerifyFS(f, Trust{Keys: []string{key.Public}, Anchors: [][]byte{b.checkpoint(t, 20)}}); err != nil || rep.Verdict != Intact {
				t.Fatalf("before the change: %v %+v", err, rep)
			}
			tc.change(f)
			rep, err := VerifyFS(f, tc.trust)
			if err != nil {
				t.Fatal(err)
			}
			if rep.ExitCode() != 1 || rep.Faults[0].Seq != tc.seq || rep.Faults[0].Kind != tc.kind {
				t.Errorf("want entry %d, %s; got %+v", tc.seq, tc.kind, rep)
			}
			for i, f := range rep.Faults {
				if slices.Contains(rep.Faults[:i], f) {
					t.Errorf("told twice: %+v", f)
				}
			}
		})
	}
}

func TestVerifyFS_cannot_tell(t *testing.T) {
	t.Parallel()
	rnd := random(3)
	b := write(t, newKey(t, "ops.example"), rnd, bodies(rnd, 40))
	b2 := write(t, b.key, rnd, bodies(rnd, 50))
	x := b.some(t, rnd, 10)
	for _, tc := range []struct {
		name   string
		anchor int
		want   string
	}{
		{"anchor without a consistency proof", 13, "the export has no consistency proof for the anchor of 13 entries"},
		{"anchor newer than the export", 45, "the anchor covers 45 entries, this export was signed at 40"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			rep, err := VerifyFS(unzipped(t, x), Trust{Anchors: [][]byte{b2.checkpoint(t, tc.anchor)}})
			if err != nil || rep.ExitCode() != 2 || !strings.Contains(strings.Join(rep.Lacks, "\n"), tc.want) {
				t.Errorf("want %q, got %v %+v", tc.want, err, rep)
			}
		})
	}
}

func TestVerifyFS_names_files_nobody_vouches_for(t *testing.T) {
	t.Parallel()
	rnd := random(3)
	b := write(t, newKey(t, "ops.example"), rnd, bodies(rnd, 10))
	f := unzipped(t, b.some(t, rnd))
	f["timeline.html"] = &fstest.MapFile{Data: []byte("<h1>nothing happened</h1>")}
	rep, err := VerifyFS(f, Trust{})
	if err != nil || !slices.Contains(rep.Lacks, `"timeline.html" is not part of the export: nothing vouches for it`) {
		t.Errorf("%v %+v", err, rep)
	}
	if slices.ContainsFunc(rep.Holds, func(s string) bool { return strings.Contains(s, "added") }) {
		t.Errorf("a file was added, and it says %q", rep.Holds)
	}
}

func TestVerifyZip_refuses_two_files_of_one_name(t *testing.T) {
	t.Parallel()
	rnd := random(3)
	b := write(t, newKey(t, "ops.example"), rnd, bodies(rnd, 10))
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for name, f := range unzipped(t, b.some(t, rnd)) {
		names := []string{name}
		if name == timelineFile {
			names = append(names, "Timeline.md")
		}
		for _, n := range names {
			w, err := z.Create(n)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(f.Data); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	rep, err := VerifyZip(bytes.NewReader(buf.Bytes()), int64(buf.Len()), Trust{})
	if err != nil || rep.Verdict != Touched {
		t.Errorf("%v %+v", err, rep)
	}
}

func TestVerifyPath(t *testing.T) {
	t.Parallel()
	rnd := random(3)
	b := write(t, newKey(t, "ops.example"), rnd, bodies(rnd, 10))
	lines := bareLines(t, b.entries)()
	all := make([]byte, lines.Len())
	if _, err := lines.Read(all); err != nil {
		t.Fatal(err)
	}
	part := unzipped(t, b.some(t, rnd))[rowsFile].Data
	second := bytes.Index(all, []byte("\n")) + 1
	for _, tc := range []struct {
		name  string
		data  []byte
		trust Trust
		exit  int
		want  string
	}{
		{"whole log", all, Trust{}, 0, "no signed checkpoint and no anchor"},
		{"whole log with anchor", all, Trust{Keys: []string{b.key.Public}, Anchors: [][]byte{b.checkpoint(t, 10)}}, 0, "holds: the anchor of 10 entries fits"},
		{"whole log, anchor without key", all, Trust{Anchors: [][]byte{b.checkpoint(t, 10)}}, 0, "signatures were not checked, since no key is known"},
		{"cut tail with anchor", all[:second], Trust{Anchors: [][]byte{b.checkpoint(t, 10)}}, 1, "entries 2 to 10 are missing: the anchor of 10 entries covers 10 entries"},
		{"cut in a line", all[:len(all)-20], Trust{}, 1, "line 10, after entry 9: not JSON, or cut off"},
		{"anchor of another key", all, Trust{Keys: []string{newKey(t, "ops.example").Public}, Anchors: [][]byte{b.checkpoint(t, 10)}}, 1, "the anchor of 10 entries is not signed by ops.example+"},
		{"key without anything signed", all, Trust{Keys: []string{b.key.Public}}, 2, "a key was given, but bare JSON Lines hold no signature"},
		{"rows of a part", part, Trust{}, 2, "these rows are a part of a log"},
		{"empty", nil, Trust{}, 2, "there are no entries"},
		{"empty with anchor", nil, Trust{Anchors: [][]byte{b.checkpoint(t, 10)}}, 1, "entries 1 to 10 are missing"},
		{"something else", []byte("hello\n"), Trust{}, 2, "not an export: line 1: not JSON, or cut off"},
		{"an anchor that is none", all, Trust{Anchors: [][]byte{[]byte("hello")}}, 2, "anchor 1: checkpoint: not a signed note"},
		{"broken zip", []byte("PK\x03\x04 and then nothing"), Trust{}, 2, "not an export, or cut off: zip"},
		{"two log lines in one", bytes.Replace(all, []byte("\n"), nil, 1), Trust{}, 2, "not JSON"},
		{"carriage returns", bytes.ReplaceAll(all, []byte("\n"), []byte("\r\n")), Trust{}, 2, "not spelled as an export writes it"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(path, tc.data, 0o600); err != nil {
				t.Fatal(err)
			}
			rep, err := VerifyPath(path, tc.trust)
			text := printed(t, rep)
			if err != nil {
				text += err.Error()
			}
			if rep.ExitCode() != tc.exit || !strings.Contains(text, tc.want) {
				t.Errorf("want exit %d and %q, got %d and\n%s", tc.exit, tc.want, rep.ExitCode(), text)
			}
		})
	}
	if rep, err := VerifyPath(filepath.Join(t.TempDir(), "nothing"), Trust{}); err == nil || rep.ExitCode() != 2 {
		t.Errorf("a missing file: %v %+v", err, rep)
	}
	if rep, err := VerifyPath(t.TempDir(), Trust{}); err == nil || rep.ExitCode() != 2 {
		t.Errorf("an empty directory: %v %+v", err, rep)
	}
}
