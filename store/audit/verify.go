package audit

import (
	"archive/zip"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
)

// Trust is what the person who verifies brings along. Everything else comes from the file and vouches only for itself.
type Trust struct {
	Keys    []string // verifier keys (name+hash+base64); several after a key rotation
	Anchors [][]byte // signed checkpoints that were kept outside
}

// VerifyPath verifies a zip or a directory written by WriteZip or WriteDir, or bare JSON Lines as written by
// WriteLines. An error means that it could not be read to the end; the report then is Unknown, or Touched if something
// was found before.
func VerifyPath(path string, t Trust) (Report, error) {
	if _, err := verifiers(t.Keys); err != nil {
		return Report{}, err // a mistyped key must not look like a forged export
	}
	info, err := os.Stat(path)
	if err != nil {
		return Report{}, err
	}
	if info.IsDir() {
		return VerifyFS(os.DirFS(path), t)
	}
	f, err := os.Open(path)
	if err != nil {
		return Report{}, err
	}
	defer f.Close() // read only: closing cannot lose anything
	var magic [4]byte
	if _, err := io.ReadFull(f, magic[:]); err == nil && string(magic[:]) == "PK\x03\x04" {
		return VerifyZip(f, info.Size(), t)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Report{}, err
	}
	return VerifyLines(f, t)
}

// VerifyZip verifies an export in a zip archive of size bytes.
func VerifyZip(r io.ReaderAt, size int64, t Trust) (Report, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return Report{}, fmt.Errorf("not an export, or cut off: %w", err)
	}
	seen := map[string]bool{}
	for _, f := range z.File {
		// Another program may unpack the other of two files with one name.
		if seen[strings.ToLower(f.Name)] {
			rep := Report{Verdict: Touched}
			rep.fault(0, BadFile, "the archive holds two files named %s", f.Name)
			return rep, nil
		}
		seen[strings.ToLower(f.Name)] = true
	}
	return VerifyFS(z, t)
}

// VerifyLines verifies a whole log in bare JSON Lines. Rows of a part of the log have proofs for a checkpoint, which
// bare lines do not carry: they are Unknown.
func VerifyLines(r io.Reader, t Trust) (Report, error) {
	v := verification{keys: t.Keys}
	if err := v.readAnchors(t.Anchors); err != nil {
		return Report{}, err
	}
	err := v.rows(r, nil)
	if len(t.Keys) > 0 && len(t.Anchors) == 0 {
		v.unsure("a key was given, but bare JSON Lines hold no signature: verify the full export")
	}
	if v.some != nil {
		v.unsure("these rows are a part of a log, and the checkpoint for their proofs is not here: verify the full export")
	}
	return v.conclude(), err
}

// VerifyEntries verifies a whole log as the store reads it, with the signed checkpoints stored beside it. Without
// a key in t the checkpoints' signatures cannot be checked, and the report says so.
func VerifyEntries(entries iter.Seq2[Entry, error], checkpoints [][]byte, t Trust) (Report, error) {
	v := verification{keys: t.Keys}
	for i, msg := range checkpoints {
		c, err := v.open(msg)
		if err != nil {
			v.fault(0, BadCheckpoint, "stored checkpoint %d: %v", i+1, err)
			continue
		}
		v.pins = append(v.pins, pin{c.Size, c.Root, fmt.Sprintf("the stored checkpoint of %d entries", c.Size), NotSigned})
		if v.signed == nil || c.Size > v.signed.Size {
			v.signed = &c
		}
	}
	if err := v.readAnchors(t.Anchors); err != nil {
		return Report{}, err
	}
	v.begin(false, nil)
	for e, err := range entries {
		if err != nil {
			return v.conclude(), err
		}
		if !v.add(row{Entry: e}) {
			break
		}
	}
	v.end()
	return v.conclude(), nil
}
